"""What a report and a summary say about a restored image."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pellucid.data.image import Image
from pellucid.methods import card, names
from pellucid.metrics import whiteness
from pellucid.noise import Diagnosis
from pellucid.report import evidence as page
from pellucid.report.evidence import Values
from pellucid.trust import Calibration, Risk, Verdict, calibrated, detectable, judge, unsupported
from pellucid.trust.removed import removed
from pellucid.trust.verdict import UNCERTAINTY
from pellucid.workflows.application import Preview
from pellucid.workflows.known import known_risk, known_spread, relies_on_independence
from pellucid.workflows.learn import Candidate, Lesson
from pellucid.workflows.model import Channel, Model

_LAGS = 5


def verdict_of(preview: Preview, diagnosis: Diagnosis, risk: Risk | None, independent: bool) -> Verdict:
    """Judge one channel by what the report shows of it."""
    return judge(
        preview.noisy,
        preview.restored,
        transfer=diagnosis.transfer,
        correlation=diagnosis.correlation,
        risk=risk,
        independent=independent,
        limits=detectable(
            preview.noisy, preview.restored, transfer=diagnosis.transfer, correlation=diagnosis.correlation
        ),
    )


def page_of(
    image: Image,
    preview: Preview,
    diagnosis: Diagnosis,
    verdict: Verdict,
    lesson: Lesson | None,
    provenance: Mapping[str, Any],
    number: int = 0,
) -> page.Evidence:
    """Gather the page of one channel, the `number`-th of those in the provenance."""
    noisy, restored = (part.astype(np.float64) for part in (preview.noisy, preview.restored))
    transfer, correlation = diagnosis.transfer, diagnosis.correlation
    known = known_spread(provenance, number)
    seen = replace(verdict, warnings=verdict.warnings + (lesson.warnings if lesson else ()))
    if known is not None and known.after is not None:
        seen = replace(seen, not_checked=tuple(text for text in seen.not_checked if text != UNCERTAINTY))
    pictures = page.Pictures(
        noisy=preview.noisy,
        restored=preview.restored,
        spread=None if preview.spread is None else _spread(preview.spread, transfer.variance_at(restored), known),
        unsupported=unsupported(noisy[None], restored[None], transfer=transfer, correlation=correlation)[0],
        plane=", ".join(f"{axis} {place}" for axis, place in preview.item.place),
        pixel_size=image.scale.get("X"),
        unit=image.units.get("X", "µm").replace("micrometer", "µm"),
    )
    risk = known_risk(provenance, number)
    independent = not (correlation.correlated and relies_on_independence(provenance, number))
    return page.Evidence(
        title=image.name,
        verdict=seen,
        pictures=pictures,
        noise=_noise(diagnosis),
        residual=page.Residual(autocorrelation=whiteness(noisy - restored, radius=_LAGS).map, count=noisy.size),
        choice=_choice(lesson),
        claim=_claim(provenance, number, known),
        notes=(
            *(() if risk is None else (risk.meaning(independent=independent),)),
            *removed(noisy[None], restored[None], transfer).sentences,
        ),
        provenance=dict(provenance),
    )


def _spread(claimed: Values, noise: Values, known: Calibration | None) -> Values:
    """Return a spread as it was calibrated; one that was compared with an error is multiplied as it is."""
    if known is None or known.applied == 1:
        return claimed
    return claimed * known.factor if known.after is None else calibrated(claimed, noise, known.factor)


def _claim(provenance: Mapping[str, Any], number: int, known: Calibration | None) -> page.Claim:
    """Say what the spread is, by the card of the method, and what is known of it."""
    made = provenance.get("method") or [""]
    several = made[number] in names() and "disagreement" in card(made[number]).gives
    name = "Disagreement" if several else "Posterior standard deviation"
    return page.Claim(
        name=name if known is None or known.applied == 1 else f"{name}, calibrated",
        sentences=() if known is None else (known.sentence,),
    )


def _noise(diagnosis: Diagnosis) -> page.Noise:
    t, c = diagnosis.transfer, diagnosis.correlation
    photons = t.model != "gaussian"
    return page.Noise(
        model=t.model,
        gain=t.gain if photons else None,
        offset=t.offset if photons else None,
        sigma=t.sigma if photons else float(np.sqrt(t.floor)),
        lag1=(c.lag1_y, c.lag1_x),
        correlated=c.correlated,
        transfer=page.Transfer(intensity=t.intensity, variance=t.variance, fitted=t.variance_at(t.intensity)),
    )


def _choice(lesson: Lesson | None) -> page.Choice:
    if lesson is None:
        return page.Choice()
    candidates = tuple(
        page.Candidate(
            method=c.name,
            risk=c.ranking.mean,
            risk_se=c.ranking.se,
            seconds=c.seconds,
            chosen=c is lesson.chosen,
        )
        for c in lesson.candidates
    )
    return page.Choice(candidates=candidates, learning=_learning(lesson.candidates))


def _learning(candidates: Sequence[Candidate]) -> page.Learning | None:
    rows = next((c.history.rows for c in candidates if c.history is not None and c.history.rows), None)
    if rows is None:
        return None
    held = [row for row in rows if "validation" in row]
    others = {"step", "seconds", "progress", "validation"}
    return page.Learning(
        at=np.array([row["step"] for row in rows]),
        loss=np.array([sum(value for term, value in row.items() if term not in others) for row in rows]),
        held_at=np.array([row["step"] for row in held]),
        held=np.array([row["validation"] for row in held]),
    )


def summary(
    model: Model, diagnoses: Sequence[Diagnosis], lessons: Sequence[Lesson], verdicts: Sequence[Verdict]
) -> dict[str, Any]:
    """Return what `--json` says of method, risk, noise and verdict; lists where there are several channels."""
    each = [_noise_facts(diagnosis) for diagnosis in diagnoses]
    made = map(choice_facts, lessons) if lessons else map(_model_facts, model.channels)
    merged = by_channel([facts | {"noise": noise} for facts, noise in zip(made, each, strict=True)])
    worst = max(verdicts, key=lambda v: v.severity)
    warnings = [w for lesson in lessons for w in lesson.warnings] + [w for v in verdicts for w in v.warnings]
    return merged | {"verdict": worst.level, "sentence": worst.sentence, "warnings": list(dict.fromkeys(warnings))}


def by_channel(each: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the facts of one channel as they are, those of several as lists."""
    return {key: each[0][key] if len(each) == 1 else [one[key] for one in each] for key in each[0]}


def choice_facts(lesson: Lesson) -> dict[str, Any]:
    """Return what `--json` says of the choice of one channel."""
    chosen = lesson.chosen
    return {
        "method": chosen.name,
        "why": lesson.why,
        "steps": chosen.history.steps if chosen.history is not None else 0,
        "risk": None if lesson.misleading else chosen.risk.mean,
        "risk_se": None if lesson.misleading else chosen.risk.se,
        "candidates": [
            {"method": c.name, "risk": c.ranking.mean, "risk_se": c.ranking.se, "seconds": round(c.seconds, 3)}
            for c in lesson.candidates
        ],
    }


def _model_facts(channel: Channel) -> dict[str, Any]:
    facts = channel.facts
    why = "The model was made with it."
    risk: dict[str, Any] = {"risk": None, "risk_se": None, "candidates": []}
    return {"method": facts.method, "why": why, "steps": 0} | risk


def _noise_facts(diagnosis: Diagnosis) -> dict[str, Any]:
    t, c = diagnosis.transfer, diagnosis.correlation
    sigma = t.sigma if t.model != "gaussian" else float(np.sqrt(t.floor))
    lags = {"lag1_y": c.lag1_y, "lag1_x": c.lag1_x}
    return {"model": t.model, "gain": t.gain, "offset": t.offset, "sigma": sigma} | lags


def versions() -> dict[str, str]:
    """Return the versions that a repetition needs."""
    from importlib.metadata import version

    found = {name: version(name) for name in ("pellucid", "torch", "numpy", "scikit-image")}
    return {"python": sys.version.split()[0]} | found


def worst(pages: Sequence[page.Evidence]) -> page.Evidence:
    """Return the page of the channel that needs most attention, with the verdicts of the others beside it."""
    first = max(pages, key=lambda p: p.verdict.severity)
    if len(pages) == 1:
        return first
    others = tuple(f"Channel {i}: {p.verdict.level}. {p.verdict.sentence}" for i, p in enumerate(pages))
    return replace(first, verdict=replace(first.verdict, reasons=first.verdict.reasons + others))
