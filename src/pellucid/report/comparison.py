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
    coverage_hidden, coverage_truth
        Part of the hidden pixels, and of the truth of the shown plane, within their 90 % interval; None where there is
        no spread, or nothing to test it.
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
    coverage_hidden: float | None
    coverage_truth: float | None
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


def text(contest: Contest) -> str:
    """Return the table as lines of text, and below it who is left out, the protocol and the warnings."""
    lines: list[tuple[str, ...]] = [
        ("method", "risk", "± s.e.", "PSNR", "spread", "hidden in 90 %", "truth in 90 %", "seconds", "MiB", "verdict")
    ]
    for r in contest.rows:
        found = (r.risk, r.risk_se, r.psnr, r.spread, r.coverage_hidden, r.coverage_truth)
        forms = (".4g", ".2g", ".2f", ".3g", ".1%", ".1%")
        numbers = ("-" if value is None else format(value, form) for value, form in zip(found, forms, strict=True))
        lines.append((r.method, *numbers, f"{r.seconds:.1f}", f"{r.memory / 2**20:.0f}", r.verdict))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = ("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)
    left_out = (f"{name} is left out: {why}" for name, why in contest.left_out.items())
    return "\n".join([*table, *left_out, *contest.protocol, *(f"warning: {w}" for w in contest.warnings)])


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
    heads = ["Method", "Risk ± s.e.", "", "PSNR, dB", "Mean spread", "Hidden in 90 %", "Truth in 90 %"]
    heads += ["Seconds", "Peak memory, MiB", "Verdict"]
    head = "".join(f'<th scope="col">{name}</th>' if name else "<td></td>" for name in heads)
    body = "".join(
        f'<tr><th scope="row">{safe(row.method)}</th><td>{_risk(row)}</td><td>{interval}</td>'
        + "".join(
            f"<td>{cell}</td>"
            for cell in (
                "" if row.psnr is None else f"{row.psnr:.2f}",
                "" if row.spread is None else number(row.spread),
                *("" if part is None else f"{part:.1%}" for part in (row.coverage_hidden, row.coverage_truth)),
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
