"""BART's pairs of files: sizes as text in .hdr, complex numbers in column-major order in .cfl."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.errors import InputError

AXES = 16
READ, PHASE, PHASE_2, COIL, MAPS, SLICE = 0, 1, 2, 3, 4, 13
"""Which of the axes is which."""


def read(path: Path) -> np.ndarray[Any, Any]:
    """Map the numbers of a .cfl, complex64 with BART's 16 axes; they stay in the file until asked for.

    Parameters
    ----------
    path
        Either of the two files.

    Raises
    ------
    InputError
        If one of them is missing, the sizes make no sense, or there are more or fewer numbers than they say.
    """
    numbers, header = path.with_suffix(".cfl"), path.with_suffix(".hdr")
    for file in (numbers, header):
        if not file.is_file():
            raise InputError(f"{file.name} is missing: BART's .cfl and .hdr belong together, in one folder.")
    with header.open("rb") as stream:
        lines = stream.read(4096).decode("ascii", "replace").splitlines()
    words = next((lines[k + 1].split() for k, line in enumerate(lines[:-1]) if line.strip() == "# Dimensions"), [])
    shape = tuple(int(word) for word in words if word.isascii() and word.isdecimal() and len(word) < 10)
    if not 1 <= len(shape) == len(words) <= AXES or 0 in shape:
        raise InputError(f"{header.name} does not say 16 dimensions after '# Dimensions': it is damaged.")
    needed, held = 8 * prod(shape), numbers.stat().st_size
    if needed != held:
        raise InputError(
            f"{numbers.name} has {held:,} bytes, and {header.name} says {needed:,}: it is cut short or damaged."
        )
    shape += (1,) * (AXES - len(shape))
    return np.memmap(numbers, "<c8", "r", shape=shape, order="F")


def along(numbers: np.ndarray[Any, Any], axes: tuple[int, ...], name: str) -> np.ndarray[Any, Any]:
    """Return the numbers with these axes, in this order, where every other one has length one.

    Raises
    ------
    InputError
        Where another axis is longer.
    """
    others = tuple(axis for axis in range(AXES) if axis not in axes)
    if any(numbers.shape[axis] > 1 for axis in others):
        longer = ", ".join(f"{axis} (length {numbers.shape[axis]})" for axis in others if numbers.shape[axis] > 1)
        raise InputError(f"{name} has data along BART's axis {longer}, and only {axes} are expected: save one part.")
    return numbers.transpose(*axes, *others).reshape([numbers.shape[axis] for axis in axes])
