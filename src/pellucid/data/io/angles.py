"""Angles of views: a range in degrees, or a text file with one angle a line (.tlt, .rawtlt)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError

_LARGEST = 10**7  # bytes of a text file of angles
_TURN = 1080.0  # degrees; more is no angle of a scan


def angles(given: str | Path, views: int, name: str) -> NDArray[np.float64]:
    """Return the angles of the views in radians, (views,).

    Parameters
    ----------
    given
        ``START:STOP`` in degrees, even steps up to but without STOP; ``START:STOP:N``, N angles with STOP among them;
        or a text file with one angle in degrees a line.
    views
        How many there must be.
    name
        Of the scan, for errors.

    Raises
    ------
    InputError
        If there are not so many, or they are no angles.

    Examples
    --------
    >>> np.rad2deg(angles("-60:60:5", 5, "tilts.mrc")).round(6).tolist()
    [-60.0, -30.0, 0.0, 30.0, 60.0]
    """
    text = str(given)
    is_range = re.fullmatch(r"[^:/\\]+:[^:/\\]+(:[^:/\\]+)?", text)
    degrees = _range(text, views) if is_range else _listed(Path(given))
    if len(degrees) != views:
        raise InputError(
            f"{name} has {views:,} views and {given} stands for {len(degrees):,} angles: give one angle for each view."
        )
    if not np.isfinite(degrees).all() or float(np.abs(degrees).max()) > _TURN:
        raise InputError(
            f"{given} holds values that are no angles in degrees: the largest is {np.abs(degrees).max():g}."
        )
    return np.deg2rad(degrees)


def _range(text: str, views: int) -> NDArray[np.float64]:
    try:
        start, stop, *count = text.split(":")
        if not count:
            return np.linspace(float(start), float(stop), views, endpoint=False)
        return np.linspace(float(start), float(stop), min(max(int(count[0]), 0), _LARGEST))
    except ValueError:
        raise InputError(
            f"--angles takes START:STOP or START:STOP:N in degrees, such as 0:180, or a text file; {text} is neither."
        ) from None


def _listed(path: Path) -> NDArray[Any]:
    if not path.is_file():
        raise InputError(f"The file of angles {path} does not exist: check its name, or give a range such as 0:180.")
    if path.stat().st_size > _LARGEST:
        raise InputError(f"{path.name} is too large for a list of angles: give a text file with one angle a line.")
    lines = path.read_text("utf-8", "replace").replace(",", " ").splitlines()
    try:
        return np.array(
            [float(line.split()[0]) for line in lines if line.split() and not line.lstrip().startswith("#")]
        )
    except ValueError:
        raise InputError(
            f"{path.name} is no list of angles: give a text file with one angle in degrees a line."
        ) from None
