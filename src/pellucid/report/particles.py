"""One HTML file that tells what was learned from particles, and what it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pellucid.report import findings, images, picture
from pellucid.report.chart import Series, chart
from pellucid.report.evidence import Learning, Pictures, Values
from pellucid.report.markup import figure, items, paragraph, safe, section
from pellucid.report.page import rendered


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """A Fourier shell correlation.

    Parameters
    ----------
    title, sentence
        Of what with what; what may be read from it.
    frequency, correlation
        The curve, in `unit`.
    threshold
        Below which nothing is said to agree.
    unit
        Such as ``1/Å``.
    """

    title: str
    sentence: str
    frequency: Values
    correlation: Values
    threshold: float
    unit: str


@dataclass(frozen=True, kw_only=True)
class Account:
    """Everything that `page` shows.

    Parameters
    ----------
    title, method
        Name of the file; how it was made.
    meaning
        What the result is, and what it is not: plain sentences.
    recorded, made
        Some images, and as many of the model's, side by side in planes of one shape.
    names, heading
        Of both.
    cuts
        Planes by name.
    learning
        How the training went.
    learned
        What its curve shows.
    agreements
        Fourier shell correlations.
    powers
        Frequency, and the power of recorded and of made images there; or None.
    warnings, notes
        What to doubt; what was found or assumed: one sentence each.
    provenance
        What repeats the result.
    """

    title: str
    method: str
    meaning: tuple[str, ...]
    recorded: Values
    made: Values
    names: tuple[str, str]
    heading: str
    cuts: Mapping[str, Values]
    learning: Learning
    learned: str
    agreements: tuple[Agreement, ...] = ()
    powers: tuple[Values, Values, Values] | None = None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)


def montage(images: Values, columns: int = 4) -> Values:
    """Return images, (image, row, column), beside and below each other in one plane; zeros where there are none.

    Examples
    --------
    >>> montage(np.array([[[1.0]], [[2.0]], [[3.0]]]), 2).tolist()
    [[1.0, 2.0], [3.0, 0.0]]
    """
    count, rows, width = images.shape
    lines = -(-count // columns)
    filled = np.concatenate([images, np.zeros((lines * columns - count, rows, width))])
    plane: Values = filled.reshape(lines, columns, rows, width).swapaxes(1, 2).reshape(lines * rows, columns * width)
    return plane


def page(account: Account) -> str:
    """Return the page as HTML that loads nothing and runs only its own script."""
    pictures = Pictures(noisy=account.recorded, restored=account.made)
    sections = (
        _meaning(account),
        images.comparison(pictures, account.names, "in standard deviations of the noise", account.heading),
        _cuts(account.cuts),
        *(_agreement(one) for one in account.agreements),
        *([_powers(*account.powers)] if account.powers else []),
        _learning(account.learning, account.learned),
        section("Found and assumed", items(account.notes)),
        findings.repeat(account.provenance),
    )
    return rendered(account.title, f'<p class="summary">{safe(account.method)}</p>', sections, pictures)


def _meaning(account: Account) -> str:
    level = "Look before you rely on it" if account.warnings else "Generated"
    return (
        f'<section class="verdict {"amber" if account.warnings else ""}"><p class="level">{level}</p>'
        + "".join(f'<p class="sentence">{safe(sentence)}</p>' for sentence in account.meaning)
        + f"{items(account.warnings) if account.warnings else ''}</section>"
    )


def _cuts(cuts: Mapping[str, Values]) -> str:
    limits = picture.window(*cuts.values())
    drawn = [figure(picture.data_uri(picture.grey(p, limits)), safe(n), safe(n), pixels=True) for n, p in cuts.items()]
    told = paragraph("All are drawn with one window.")
    return section("What was learned", told, '<div class="pair">', *drawn, "</div>")


def _agreement(one: Agreement) -> str:
    level = np.full_like(one.frequency, one.threshold)
    curves = (Series(one.frequency, one.correlation), Series(one.frequency, level))
    drawn = chart(curves, f"frequency, {one.unit}", "Fourier shell correlation")
    return section(safe(one.title), paragraph(safe(one.sentence)), f"<figure>{drawn}</figure>")


def _powers(frequency: Values, recorded: Values, made: Values) -> str:
    drawn = chart((Series(frequency, recorded), Series(frequency, made)), "frequency, cycles per pixel", "power")
    told = (
        "Mean power of the recorded images, and, in the other colour, of those that the map makes; white noise alone "
        "has one. Where the curves part, the map, the foci or the noise are not those of the particles."
    )
    return section("Power of the images", paragraph(told), f"<figure>{drawn}</figure>")


def _learning(course: Learning, what: str) -> str:
    if not np.isfinite(course.loss).any():
        return section("Learning", paragraph("The training was too short for a curve."))
    drawn = chart((Series(course.at, course.loss),), "steps", what)
    return section("Learning", f"<figure>{drawn}</figure>")
