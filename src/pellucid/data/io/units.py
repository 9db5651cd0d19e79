"""Units of pixel sizes: the full names that an image carries, and the symbols that files write."""

from __future__ import annotations

UNITS = {
    "angstrom": ("Å", 1e-10),
    "nanometer": ("nm", 1e-9),
    "micrometer": ("µm", 1e-6),
    "millimeter": ("mm", 1e-3),
    "centimeter": ("cm", 1e-2),
    "meter": ("m", 1.0),
    "inch": ("in", 0.0254),
    "microsecond": ("µs", 1e-6),
    "millisecond": ("ms", 1e-3),
    "second": ("s", 1.0),
    "minute": ("min", 60.0),
    "hour": ("h", 3600.0),
}
"""Symbol in OME-TIFF and size in metres or seconds, by full name."""

_NAMES = {symbol: name for name, (symbol, _) in UNITS.items()} | {
    "um": "micrometer",
    "μm": "micrometer",  # the Greek letter; the table holds the micro sign
    "\\u00B5m": "micrometer",
    "micron": "micrometer",
    "microns": "micrometer",
    "us": "microsecond",
    "sec": "second",
}


def unit_name(text: str) -> str | None:
    """Return the full name of a unit written in a file, or None where it is not a known unit.

    Examples
    --------
    >>> unit_name("um"), unit_name("micrometer"), unit_name("pixel")
    ('micrometer', 'micrometer', None)
    """
    return text if text in UNITS else _NAMES.get(text)
