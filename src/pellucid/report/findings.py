"""The parts of the page that state findings, one function each; what is absent is said to be absent."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pellucid.report.chart import Series, chart, intervals
from pellucid.report.evidence import Candidate, Choice, Learning, Noise, Pictures, Verdict
from pellucid.report.markup import absent, facts, items, number, paragraph, plus_minus, safe, section

LEVELS = {
    "green": ("✓", "Nothing found against it"),
    "amber": ("!", "Look before you rely on it"),
    "red": ("✕", "Do not rely on it"),
}


def verdict(given: Verdict) -> str:
    """Return the card that answers the question of the page."""
    sign, word = LEVELS[given.level]
    reasons = items(given.reasons) if given.reasons else absent("The checks gave no reason.")
    unseen = items(given.not_checked) if given.not_checked else absent("The checks name nothing here.")
    count = len(given.warnings)
    link = f'<p><a href="#warnings">{count} warning{"s" * (count != 1)} below</a></p>' if count else ""
    return (
        f'<section class="verdict {given.level}">'
        f'<p class="level"><span aria-hidden="true">{sign}</span>{word}</p>'
        f'<p class="sentence">{safe(given.sentence)}</p><div class="pair">'
        f"<div><h2>Why</h2>{reasons}</div><div><h2>What was not checked</h2>{unseen}"
        "<p>No check on one image can prove that a fine detail is real.</p></div></div>"
        f"{link}</section>"
    )


def noise(measured: Noise | None) -> str:
    """Return the noise model, the points behind it and whether neighbours share noise."""
    if measured is None:
        return section("Noise", absent("The noise of the recorded image was not measured."))
    rows = {"Model": safe(measured.model)}
    for name, value in (
        ("Gain", measured.gain),
        ("Offset", measured.offset),
        ("Read noise σ", measured.sigma),
    ):
        rows[name] = number(value) if value is not None else "not part of this model"
    rows["Correlation along Y"], rows["Correlation along X"] = map(number, measured.lag1)
    shared = (
        "The noise of neighbouring pixels is correlated. Methods that hide a pixel and predict it from its "
        "neighbours (blind spots) are not valid here: they can learn the noise."
        if measured.correlated
        else "The noise of neighbouring pixels is not correlated enough to mislead methods that hide pixels."
    )
    plot = absent("The noise variance was not measured against intensity.")
    if measured.transfer is not None and np.isfinite(measured.transfer.variance).any():
        t = measured.transfer
        series = Series(t.intensity, t.fitted), Series(t.intensity, t.variance, "dots")
        plot = (
            f"<figure>{chart(series, 'intensity', 'noise variance')}"
            "<figcaption>Noise variance against intensity, input units. "
            '<span class="key s1 dots">measured</span> <span class="key s0 line">fitted model</span>'
            "</figcaption></figure>"
        )
    return section("Noise", '<div class="pair">', plot, f"<div>{facts(rows)}{paragraph(shared)}</div></div>")


def candidates(tried: tuple[Candidate, ...], correlated: bool) -> str:
    """Return the table of methods with what their risk means."""
    if not tried:
        return section("Methods tried", absent("No methods were compared."))
    ranked = sorted(tried, key=lambda c: c.risk if np.isfinite(c.risk) else np.inf)
    rows = "".join(
        f'<tr{" class=chosen" * c.chosen}><th scope="row">{safe(c.method)}{" <b>chosen</b>" * c.chosen}</th>'
        f"<td>{plus_minus(c.risk, c.risk_se)}</td><td>{drawn}</td><td>{number(c.seconds)}</td></tr>"
        for c, drawn in zip(ranked, intervals(ranked), strict=True)
    )
    meaning = (
        "Risk is the mean squared difference between an estimate and pixels that were hidden from it: the "
        "error plus the variance of the noise. Lower is better, and only differences between rows mean "
        "anything; the error itself stays unknown."
    )
    if correlated:
        meaning = (
            "<strong>These numbers are not an error estimate.</strong> The noise of neighbouring pixels "
            "is correlated, so part of the noise of a hidden pixel can be predicted: a low risk may mean "
            "that noise was kept."
        )
    return section(
        "Methods tried",
        paragraph(meaning),
        '<div class="scroll"><table class="tried"><thead><tr><th scope="col">Method</th>'
        '<th scope="col">Self-supervised risk ± s.e.</th><td></td><th scope="col">Seconds</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>",
    )


def learning(curve: Learning | None) -> str:
    """Return training loss and held-out risk over time."""
    if curve is None or not np.isfinite(curve.loss).any():
        return section("Learning", absent("Nothing was trained for this result."))
    unit = "seconds" if curve.unit == "seconds" else "steps"
    late = curve.at >= (0.1 * curve.at.max() if curve.at.size >= 20 else -np.inf)
    plots = f"<figure>{chart((Series(curve.at[late], curve.loss[late]),), unit, 'training loss')}</figure>"
    note = "The risk on held-out pixels was not measured."
    if np.isfinite(curve.held).any():
        best = int(np.nanargmin(curve.held))
        at, value = float(curve.held_at[best]), float(curve.held[best])
        series = (Series(curve.held_at, curve.held),)
        plots += f"<figure>{chart(series, unit, 'risk on held-out pixels', mark=(at, value))}</figure>"
        note = (
            f"The ring marks the lowest risk on held-out pixels, {number(value, 4)} at {number(at)} "
            f"{unit}. A curve that still falls at its end asks for a longer budget; one that rises after "
            "the ring shows overfitting."
        )
    cut = " The first tenth of the training loss is left out of the plot." if not late.all() else ""
    return section("Learning", paragraph(note + cut), f'<div class="pair">{plots}</div>')


def truth(metrics: Mapping[str, float] | None) -> str:
    """Return the metrics against a clean reference."""
    if metrics is None:
        return section(
            "Against the truth", absent("No clean reference was given: nothing was compared with the truth.")
        )
    return section("Against the truth", facts({name: number(value, 4) for name, value in metrics.items()}))


def repeat(provenance: Mapping[str, object]) -> str:
    """Return the command and the table that repeat the result."""
    if not provenance:
        return section("How to repeat this", absent("Nothing was recorded that would repeat this result."))
    rows = {name: _value(value) for name, value in provenance.items() if name != "command"}
    command = absent("No command was recorded.")
    if "command" in provenance:
        command = f"<pre>{safe(provenance['command'])}</pre>"
    return section(
        "How to repeat this",
        f"<details><summary>Command, settings and versions</summary>{command}{facts(rows)}</details>",
    )


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "<br>".join(f"{safe(name)}: {safe(entry)}" for name, entry in value.items())
    return safe(value)


def warnings(sentences: tuple[str, ...]) -> str:
    """Return what went wrong or was assumed."""
    body = items(sentences) if sentences else absent("There were no warnings.")
    return section("Warnings", body, anchor="warnings")


def summary(pictures: Pictures, choice: Choice, measured: Noise | None) -> str:
    """Return the line beneath the file name."""
    chosen = [safe(c.method) for c in choice.candidates if c.chosen]
    model = [f"{safe(measured.model)} noise"] if measured else []
    rows, columns = pictures.noisy.shape
    plane = [safe(pictures.plane)] if pictures.plane else []
    return f'<p class="summary">{" · ".join([*chosen, *model, f"{columns} × {rows} pixels", *plane])}</p>'
