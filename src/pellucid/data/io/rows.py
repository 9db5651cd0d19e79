"""Blocks written straight to their place in a file of plain numbers."""

from __future__ import annotations

from math import prod
from typing import Any, BinaryIO

import numpy as np

from pellucid.data.io.regions import extent, spread


class Rows:
    """A C-ordered array in an open file; assign blocks to its regions.

    Writing by position keeps memory small, and a full disk raises OSError where a memory map would kill
    the process. Regions that are never written hold zeros.

    Parameters
    ----------
    file
        Open for writing and seeking.
    offset
        Where the first number goes, in bytes.
    shape, dtype
        Of the array; `dtype` may have either byte order.
    """

    def __init__(self, file: BinaryIO, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.file, self.offset, self.shape, self.dtype = file, offset, shape, np.dtype(dtype)
        end = offset + prod(shape) * self.dtype.itemsize
        if file.seek(0, 2) < end:
            file.truncate(end)

    def __setitem__(self, region: Any, block: Any) -> None:
        target, values = spread(region, block, self.shape, self.dtype)
        if any(part.step != 1 for part in target):
            raise IndexError("a region that is written has no gaps: use a step of 1")
        run = len(self.shape) - 1  # axes from here on lie in the file without gaps
        while run > 0 and extent(target)[run] == self.shape[run]:
            run -= 1
        strides = [prod(self.shape[axis + 1 :]) * self.dtype.itemsize for axis in range(len(self.shape))]
        for index in np.ndindex(values.shape[:run]):
            start = [part.start for part in target]
            start[:run] = [a + i for a, i in zip(start, index, strict=False)]
            self.file.seek(self.offset + sum(a * stride for a, stride in zip(start, strides, strict=True)))
            self.file.write(np.ascontiguousarray(values[index]).tobytes())
