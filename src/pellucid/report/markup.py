"""Numbers and untrusted strings as HTML: what every part of the page is made of."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def safe(value: object) -> str:
    """Return `value` as HTML text that can hold no markup and always encodes as UTF-8.

    Examples
    --------
    >>> safe('<b>"x"</b>')
    '&lt;b&gt;&quot;x&quot;&lt;/b&gt;'
    """
    return html.escape(str(value).encode("utf-8", "replace").decode())


def power(exponent: int) -> str:
    """Return a power of ten, such as ``10⁻⁴``."""
    return "10" + str(exponent).translate(_RAISED)


def number(value: float | None, digits: int = 3) -> str:
    """Return `value` with up to `digits` significant digits and no machine notation.

    Examples
    --------
    >>> number(-0.012345), number(123456.0), number(1.5e-7), number(None)
    ('−0.0123', '123456', '1.5 × 10⁻⁷', 'not measured')
    """
    if value is None or not math.isfinite(value):
        return "not measured"
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if -4 <= exponent < 7:
        mantissa, factor = f"{value:.{max(digits - 1 - exponent, 0)}f}", ""
    else:
        mantissa, factor = f"{value / 10.0**exponent:.{digits - 1}f}", f" × {power(exponent)}"
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return mantissa.replace("-", "−") + factor


def plus_minus(value: float, error: float) -> str:
    """Return ``value ± error`` to two digits of the error.

    Examples
    --------
    >>> plus_minus(0.52347, 0.00124)
    '0.5235 ± 0.0012'
    """
    if not (math.isfinite(value) and math.isfinite(error) and error > 0):
        return number(value, 4)
    places = max(1 - math.floor(math.log10(error)), 0)
    if places > 6:
        return f"{number(value, 4)} ± {number(error, 2)}"
    return f"{value:.{places}f} ± {error:.{places}f}".replace("-", "−")


def section(heading: str, *parts: str, anchor: str = "") -> str:
    """Return a titled section."""
    name = f' id="{anchor}"' if anchor else ""
    return f"<section{name}><h2>{heading}</h2>{''.join(parts)}</section>"


def paragraph(text: str) -> str:
    """Return a paragraph of text that is already safe."""
    return f"<p>{text}</p>"


def absent(text: str) -> str:
    """Return the line that stands where a part is missing."""
    return f'<p class="absent">{text}</p>'


def items(sentences: Iterable[str]) -> str:
    """Return a list of sentences."""
    return "<ul>" + "".join(f"<li>{safe(sentence)}</li>" for sentence in sentences) + "</ul>"


def facts(rows: Mapping[str, str]) -> str:
    """Return names and values as a table; values are already safe."""
    cells = "".join(f'<tr><th scope="row">{safe(name)}</th><td>{value}</td></tr>' for name, value in rows.items())
    return f'<div class="scroll"><table class="facts">{cells}</table></div>'


def figure(source: str, caption: str, alt: str, *, pixels: bool = False) -> str:
    """Return a picture with its caption; `pixels` keeps each pixel a sharp square."""
    kind = ' class="pixels"' if pixels else ""
    return f'<figure><img src="{source}" alt="{alt}"{kind}><figcaption>{caption}</figcaption></figure>'
