"""One HTML file that sets methods side by side on one image: risk, error where there is a truth, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pellucid.report import findings, images, picture
from pellucid.report.chart import intervals
from pellucid.report.evidence import Candidate, Pictures, Values
from pellucid.report.markup import absent, facts, figure, items, number, paragraph, plus_minus, safe, section
from pellucid.report.page import rendered

_SIDE = 512  # pixels of each of many pictures


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one method made of the image.

    Parameters
    ----------
    method
        Its name.
    risk, risk_se
        On pixels that were never a target, with its standard error, in input units squared; None where it estimates
        no error.
    psnr
        Against the truth, in decibels, or None.
    spread
        Mean posterior standard deviation of the shown plane, or None where the method gives none.
    seconds
        Of learning and restoring.
    memory
        Largest memory in use meanwhile, in bytes.
    verdict
        ``green``, ``amber`` or ``red``.
    pictures
        The shown plane before and after.
    """

    method: str
    risk: float | None
    risk_se: float | None
    psnr: float | None
    spread: float | None
    seconds: float
    memory: int
    verdict: str
    pictures: Pictures

    def candidate(self) -> Candidate:
        """Return what a chart of intervals draws."""
        risk, se = (np.nan if value is None else value for value in (self.risk, self.risk_se))
        return Candidate(method=self.method, risk=risk, risk_se=se, seconds=self.seconds)


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Everything that `page` shows.

    Parameters
    ----------
    title
        Name of the image.
    rows
        At least one, the best first.
    left_out
        Why a method has no row, by name.
    protocol
        One sentence each on what the numbers are and what they depend on.
    truth
        The shown plane of the truth, or None.
    warnings
        One sentence each.
    provenance
        What repeats the result.
    """

    title: str
    rows: tuple[Row, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    protocol: tuple[str, ...] = ()
    truth: Values | None = None
    warnings: tuple[str, ...] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)


def page(contest: Contest) -> str:
    """Return the page as HTML that loads nothing and runs only its own script."""
    first = contest.rows[0]
    rows, columns = first.pictures.noisy.shape
    told = (f"{len(contest.rows)} methods", f"{columns} × {rows} pixels", first.pictures.plane)
    summary = f'<p class="summary">{" · ".join(safe(part) for part in told if part)}</p>'
    left_out = facts({name: safe(why) for name, why in contest.left_out.items()}) if contest.left_out else ""
    sections = (
        _table(contest),
        images.comparison(first.pictures, ("Noisy", first.method)),
        _panel(contest),
        section("Left out", left_out or absent("Every method has a row.")),
        findings.repeat(contest.provenance),
        findings.warnings(contest.warnings),
    )
    return rendered(f"{contest.title}: methods compared", summary, sections, first.pictures)


def _table(contest: Contest) -> str:
    drawn = intervals([row.candidate() for row in contest.rows])
    heads = ("Method", "Risk ± s.e.", "", "PSNR, dB", "Mean spread", "Seconds", "Peak memory, MiB", "Verdict")
    head = "".join(f'<th scope="col">{name}</th>' if name else "<td></td>" for name in heads)
    body = "".join(
        f'<tr><th scope="row">{safe(row.method)}</th><td>{_risk(row)}</td><td>{interval}</td>'
        + "".join(
            f"<td>{cell}</td>"
            for cell in (
                "" if row.psnr is None else f"{row.psnr:.2f}",
                "" if row.spread is None else number(row.spread),
                number(row.seconds),
                f"{row.memory / 2**20:.0f}",
                safe(row.verdict),
            )
        )
        + "</tr>"
        for row, interval in zip(contest.rows, drawn, strict=True)
    )
    return section(
        "Methods compared",
        f'<div class="scroll"><table class="tried"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>',
        items(contest.protocol),
    )


def _risk(row: Row) -> str:
    if row.risk is None or row.risk_se is None:
        return "no estimate"
    return plus_minus(row.risk, row.risk_se)


def _panel(contest: Contest) -> str:
    planes = {"Noisy": contest.rows[0].pictures.noisy}
    planes |= {} if contest.truth is None else {"Truth": contest.truth}
    planes |= {row.method: row.pictures.restored for row in contest.rows}
    cut = {name: picture.centre(plane, _SIDE) for name, plane in planes.items()}
    limits = picture.window(*cut.values())
    figures = (
        figure(picture.data_uri(picture.grey(plane, limits)), safe(name), f"The image of {safe(name)}")
        for name, plane in cut.items()
    )
    low, high = map(number, limits)
    return section(
        "Pictures",
        paragraph(f"All are drawn with one window, black at {low} and white at {high}, and show the same pixels."),
        '<div class="pair">',
        *figures,
        "</div>",
    )
