"""An array that stays in its file until a region is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import psutil

from pellucid.data.image import ArrayLike
from pellucid.data.io.regions import extent, slices
from pellucid.errors import InputError

SMALL = 2**28  # bytes; smaller images are read at once


def require_memory(nbytes: int, name: str) -> None:
    """Refuse to hold `nbytes` of `name` in memory where they do not fit.

    Raises
    ------
    InputError
        If the memory available is smaller.
    """
    available = psutil.virtual_memory().available
    if nbytes > available:
        raise InputError(
            f"{name} declares {nbytes / 2**30:,.1f} GiB to be held at once, and {available / 2**30:,.1f} GiB "
            "of memory are free: it is damaged, or must be cut smaller, or saved as .ome.zarr."
        )


class Lazy:
    """A view of `source` with its axes in another order, in native byte order.

    Parameters
    ----------
    source
        What reads regions: a memory map, a Zarr array, or a reader of a vendor format.
    name
        The file's name, for errors.
    keep
        The axis of `source` that each axis of the view shows; None makes an axis of length one.
        An axis of `source` that is not kept is held at one index.
    at
        That index by axis of `source`; zero unless given.
    """

    def __init__(
        self, source: ArrayLike, name: str, keep: tuple[int | None, ...], at: Mapping[int, int] | None = None
    ) -> None:
        self.source, self.name, self.keep, self.at = source, name, keep, dict(at or {})
        self.shape = tuple(1 if axis is None else int(source.shape[axis]) for axis in keep)
        self.dtype = np.dtype(source.dtype).newbyteorder("=")

    def __getitem__(self, region: Any) -> Any:
        wanted, taken = slices(region, self.shape)
        held = [self.at.get(k, 0) for k in range(len(self.source.shape))]
        inner = [slice(index, index + 1, 1) for index in held]
        kept = [axis for axis in self.keep if axis is not None]
        for axis, part in zip(self.keep, wanted, strict=True):
            if axis is not None:
                inner[axis] = part
        block = self._read(tuple(inner))
        rest = [axis for axis in range(block.ndim) if axis not in kept]
        block = block.transpose(kept + rest).reshape([block.shape[axis] for axis in kept])
        block = block[tuple(np.newaxis if axis is None else slice(None) for axis in self.keep)]
        return block[tuple(0 if axis in taken else slice(None) for axis in range(len(self.keep)))]

    def _read(self, region: tuple[slice, ...]) -> Any:
        try:
            block = np.asarray(self.source[region])
        except (InputError, OSError):
            raise
        except Exception as error:  # a third party's parser met bytes it did not expect
            raise InputError(
                f"{self.name} could not be read in the region of size {extent(region)}: the file is damaged "
                f"or incomplete ({type(error).__name__})."
            ) from error
        return block.astype(self.dtype, copy=False)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        require_memory(int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize, self.name)
        return np.asarray(self[...], dtype)
