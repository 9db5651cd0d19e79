"""One HTML file that tells whether to believe a restored image."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from string import Template

from pellucid.errors import InputError
from pellucid.report import findings, images
from pellucid.report.evidence import Evidence, Pictures
from pellucid.report.markup import safe
from pellucid.report.picture import centre, scale_bar
from pellucid.report.saving import save

__all__ = ["Evidence", "page", "write"]


def page(evidence: Evidence) -> str:
    """Return the page as HTML that loads nothing and runs only its own script.

    Parameters
    ----------
    evidence
        What is known about the restored image.

    Raises
    ------
    InputError
        Where the planes are not of two axes, or not of one shape.

    Notes
    -----
    The content security policy names the hashes of the one style sheet and the one script, so that text
    from an untrusted file can neither run nor fetch anything, even if it were not escaped.
    """
    _check(evidence.pictures)
    summary = findings.summary(evidence.pictures, evidence.choice, evidence.noise)
    return rendered(evidence.title, summary, _sections(evidence), evidence.pictures)


def rendered(title: str, summary: str, sections: Sequence[str], pictures: Pictures) -> str:
    """Return the page of sections, which are safe; `pictures` are those under the divider."""
    style, script = _sizes(pictures) + _asset("page.css"), _asset("page.js")
    return Template(_asset("page.html")).substitute(
        title=safe(title),
        heading=re.sub(r"([._-])", r"\1<wbr>", safe(title)),
        summary=summary,
        sections="\n".join(sections),
        style=style,
        style_hash=_sha256(style),
        script=script,
        script_hash=_sha256(script),
    )


def write(evidence: Evidence, path: str | Path) -> None:
    """Write the page to `path`, whole or not at all.

    Parameters
    ----------
    evidence
        What is known about the restored image.
    path
        The HTML file to write; an older one is replaced.

    Raises
    ------
    InputError
        As `page`.
    OSError
        Where the file cannot be written.
    """
    save(page(evidence).encode(), Path(path))


def _sections(evidence: Evidence) -> tuple[str, ...]:
    pictures, choice = evidence.pictures, evidence.choice
    correlated = evidence.noise is not None and evidence.noise.correlated
    return (
        findings.verdict(evidence.verdict),
        images.comparison(pictures),
        images.residual(pictures, evidence.residual, evidence.notes),
        images.unsupported(pictures.unsupported),
        images.spread(pictures.spread, evidence.claim),
        findings.noise(evidence.noise),
        findings.candidates(choice.candidates, correlated),
        findings.learning(choice.learning),
        findings.truth(choice.truth),
        findings.repeat(evidence.provenance),
        findings.warnings(evidence.verdict.warnings),
    )


def _check(pictures: Pictures) -> None:
    shapes = {
        name: plane.shape
        for name, plane in (
            ("noisy", pictures.noisy),
            ("restored", pictures.restored),
            ("spread", pictures.spread),
            ("unsupported", pictures.unsupported),
        )
        if plane is not None
    }
    if len(set(shapes.values())) != 1 or len(shapes["noisy"]) != 2:
        raise InputError(
            f"The report shows planes of one shape (row, column), but got {shapes}: pass one plane of each."
        )


def _sizes(pictures: Pictures) -> str:
    """Return what the style sheet has to know of the picture."""
    rows, columns = centre(pictures.noisy).shape
    _, share = scale_bar(columns, pictures.pixel_size) or (0.0, 0.0)
    return f":root{{--columns:{columns};--rows:{rows};--bar:{100 * share:.3f}%}}\n"


def _asset(name: str) -> str:
    return resources.files("pellucid.report").joinpath(name).read_text(encoding="utf-8")


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
