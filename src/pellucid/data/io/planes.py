"""Planes that a vendor's library reads one at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.data.io.regions import extent

ReadPlane = Callable[[tuple[int, ...], slice, slice], Any]


class Planes:
    """An array of planes, read on request.

    Parameters
    ----------
    lead
        Lengths of the axes before the plane.
    plane
        Shape of one plane: rows, columns and perhaps samples.
    dtype
        Type of the numbers.
    read
        Called with the index of a plane, the rows and the columns; returns that rectangle.
    """

    def __init__(self, lead: tuple[int, ...], plane: tuple[int, ...], dtype: Any, read: ReadPlane) -> None:
        self.lead, self.read = lead, read
        self.shape, self.dtype = lead + plane, np.dtype(dtype)

    def __getitem__(self, region: tuple[slice, ...]) -> Any:
        planes, (rows, columns, *samples) = region[: len(self.lead)], region[len(self.lead) :]
        block = np.empty(extent(region), self.dtype)
        for index in np.ndindex(extent(planes)):
            at = tuple(part.start + i * part.step for part, i in zip(planes, index, strict=True))
            rectangle = self.read(at, slice(rows.start, rows.stop), slice(columns.start, columns.stop))
            block[index] = rectangle[(slice(None, None, rows.step), slice(None, None, columns.step), *samples)]
        return block
