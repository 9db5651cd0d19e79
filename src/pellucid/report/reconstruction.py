"""One HTML file that tells how well a reconstruction explains what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pellucid.report import findings, images, picture
from pellucid.report.evidence import Learning, Pictures, Values
from pellucid.report.markup import absent, facts, figure, items, number, paragraph, plus_minus, safe, section
from pellucid.report.page import rendered

LEVELS = {"green": "Explains the data", "amber": "Look before you rely on it", None: "Not judged"}


@dataclass(frozen=True, kw_only=True)
class Strengths:
    """How the strength of the regularisation was chosen without a reference.

    Parameters
    ----------
    rule
        Held-out measurements, SURE or the discrepancy principle, in words.
    tried
        The value of the rule by strength.
    chosen
        The strength that was used.
    """

    rule: str
    tried: Mapping[float, float]
    chosen: float


@dataclass(frozen=True, kw_only=True)
class Score:
    """How well a method predicts measurements that it never saw.

    Parameters
    ----------
    method
        Its name.
    error, error_se
        Mean modulus of what is wrong over that of the measurements, and its standard error.
    relative_l2, relative_l2_se
        The same of the root mean squares.
    seconds
        That the method took.
    chosen
        Whether it made the image.
    """

    method: str
    error: float
    error_se: float
    relative_l2: float
    relative_l2_se: float
    seconds: float
    chosen: bool = False


@dataclass(frozen=True, kw_only=True)
class Account:
    """Everything that `page` shows of a reconstruction.

    Parameters
    ----------
    title, method, quantity
        Name of the file; how it was made; what its numbers are.
    level, sentence
        Of the check against the data: ``green``, ``amber``, or None where the noise is not known.
    cuts
        By name, the first image and the reconstruction; the first of them comes under the divider.
    measured, left
        The data and what the image leaves of them, planes of one shape, in decibels where the data are complex.
    strengths
        How the strength was chosen, or None.
    scores
        Of the methods that were compared, best first.
    learning
        How the training went, or None.
    warnings
        One sentence each on what to doubt.
    notes
        One sentence each on what was found or assumed.
    provenance
        What repeats the result.
    """

    title: str
    method: str
    quantity: str
    level: str | None
    sentence: str
    cuts: Mapping[str, Pictures]
    measured: Values
    left: Values
    strengths: Strengths | None = None
    scores: tuple[Score, ...] = ()
    learning: Learning | None = None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)


def page(account: Account) -> str:
    """Return the page as HTML that loads nothing and runs only its own script."""
    (name, first), *others = account.cuts.items()
    rows, columns = first.restored.shape
    told = (account.method, account.quantity, f"{columns} × {rows} pixels", name)
    summary = f'<p class="summary">{" · ".join(safe(part) for part in told if part)}</p>'
    units = f"in units of {safe(account.quantity)}"
    sections = (
        _finding(account),
        images.comparison(first, ("First image", "Reconstruction"), units),
        *([_cuts(dict(others))] if others else []),
        _data(account),
        *([_scores(account.scores)] if account.scores else []),
        *([findings.learning(account.learning)] if account.learning else []),
        _strengths(account.strengths),
        section("Found and assumed", items(account.notes) if account.notes else absent("Nothing was assumed.")),
        findings.repeat(account.provenance),
    )
    return rendered(account.title, summary, sections, first)


def _finding(account: Account) -> str:
    return (
        f'<section class="verdict {account.level or ""}"><p class="level">{LEVELS[account.level]}</p>'
        f'<p class="sentence">{safe(account.sentence)}</p>{items(account.warnings) if account.warnings else ""}'
        "<p>An image that explains the data can still be wrong where the instrument does not look: in missing "
        "frequencies, angles or planes, what is shown comes from the prior alone.</p></section>"
    )


def _cuts(others: Mapping[str, Pictures]) -> str:
    parts = []
    for name, cut in others.items():
        limits = picture.window(cut.noisy, cut.restored)
        for title, plane in (("first image", cut.noisy), ("reconstruction", cut.restored)):
            source = picture.data_uri(picture.grey(picture.centre(plane), limits))
            parts.append(figure(source, f"{safe(name)}, {title}", f"{safe(name)}, {title}"))
    return section("Other cuts", '<div class="pair">', *parts, "</div>")


def _data(account: Account) -> str:
    limits = picture.window(account.measured)
    pair = (("Measured", account.measured), ("Left unexplained by the image", account.left))
    drawn = [figure(picture.data_uri(picture.grey(picture.centre(p), limits)), name, name) for name, p in pair]
    return section(
        "In the space of the data",
        paragraph(
            "Both are drawn with the window of the measured data. Shapes in the right one are signal that is left."
        ),
        '<div class="pair">',
        *drawn,
        "</div>",
    )


def _scores(scores: tuple[Score, ...]) -> str:
    rows = "".join(
        f'<tr{" class=chosen" * s.chosen}><th scope="row">{safe(s.method)}{" <b>chosen</b>" * s.chosen}</th>'
        f"<td>{plus_minus(s.error, s.error_se)}</td><td>{plus_minus(s.relative_l2, s.relative_l2_se)}</td>"
        f"<td>{number(s.seconds)}</td></tr>"
        for s in scores
    )
    return section(
        "Prediction of unseen measurements",
        paragraph(
            "A tenth of the measurements was hidden from every method, from its training and from the choice of its "
            "strength. The error is the mean modulus of what is wrong with their prediction over that of the "
            "measurements; the noise of the hidden measurements is part of it, so no method reaches zero. The image "
            "itself is made from all measurements."
        ),
        '<div class="scroll"><table class="tried"><thead><tr><th scope="col">Method</th>'
        '<th scope="col">Error ± s.e.</th><th scope="col">Relative l2 error ± s.e.</th>'
        f'<th scope="col">Seconds</th></tr></thead><tbody>{rows}</tbody></table></div>',
    )


def _strengths(chosen: Strengths | None) -> str:
    if chosen is None:
        return section("Strength of the prior", absent("It was given, or the method has none."))
    rows = {f"{s:.3g}" + (" (chosen)" if s == chosen.chosen else ""): number(r, 5) for s, r in chosen.tried.items()}
    return section("Strength of the prior", paragraph(f"Chosen without a reference: {safe(chosen.rule)}."), facts(rows))
