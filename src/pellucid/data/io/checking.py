"""Refuse what cannot be restored, before time is spent on it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from math import prod
from typing import Any

import numpy as np

from pellucid.data.image import ArrayLike, Image
from pellucid.data.io.lazy import Lazy
from pellucid.data.io.regions import Slices, blocks, slices
from pellucid.errors import InputError

_LARGEST, _SMALLEST = 1e18, 1e-18  # beyond these, squares leave the range of 32-bit numbers
_OFFSET = 1e-5  # of the largest value: smaller differences are lost in 32-bit numbers
WHOLE = 2**30  # bytes; larger images are checked on a sample of blocks of this size in sum


def check(image: Image, *, fill_nan: bool = False) -> Image:
    """Refuse an image that cannot be restored, and return it otherwise.

    An image above 1 GiB is checked on blocks spread evenly over it, 1 GiB in sum; call `finite_block` on
    what is read from the rest.

    Parameters
    ----------
    image
        May be lazy; it is read block by block.
    fill_nan
        Replace NaN and infinity instead of refusing them: by the median of the finite ones among the eight
        neighbours in the plane, or by the median of the image where there is none.

    Raises
    ------
    InputError
        If the numbers are complex, true or false, no numbers, none, all equal, not finite, or of a scale that 32-bit
        numbers cannot hold.
    """
    name, kind = image.name, image.dtype.kind
    if kind == "c":
        raise InputError(f"{name} is complex ({image.dtype}), and real images are restored: give its magnitude.")
    if kind not in "iuf":
        raise InputError(f"{name} holds {image.dtype} entries, and an image holds numbers: a mask is not restored.")
    if 0 in image.shape:
        raise InputError(f"{name} is empty: its shape is {image.shape}.")
    nans, infinities, (low, high), median = _survey(image)
    if nans + infinities == prod(image.shape):
        raise InputError(f"{name} holds no finite value.")
    if nans + infinities and not fill_nan:
        raise InputError(
            f"{name} holds {_count(nans, infinities)}; --fill-nan replaces them by the median around them."
        )
    if not high > low:
        raise InputError(f"{name} is constant: every finite value is {median:g}, and there is nothing to restore.")
    if kind != "f":
        return image
    _scale(low, high, name)
    if not fill_nan:
        return image
    filled = Filled(image.data, median)
    return image.with_data(filled if isinstance(image.data, Lazy) else filled[...])


def finite_block(block: Any, name: str) -> None:
    """Refuse a block with NaN or infinity.

    Raises
    ------
    InputError
        With the count.
    """
    nans, infinities = _not_finite(np.asarray(block))
    if nans + infinities:
        raise InputError(
            f"{name} holds {_count(nans, infinities)} in one region; --fill-nan replaces them by the median "
            "around them."
        )


def _scale(low: float, high: float, name: str) -> None:
    """Refuse values that are too large, too small or too far from zero for 32-bit numbers."""
    size = max(abs(low), abs(high))
    if size > _LARGEST or high - low < _SMALLEST:
        raise InputError(
            f"{name} holds values from {low:g} to {high:g}, beyond what 32-bit numbers can square: multiply them by "
            f"about {1 / max(high - low, 1e-300):.0e}."
        )
    if high - low < _OFFSET * size:
        raise InputError(
            f"{name} holds values that differ by {high - low:g} at about {high:g}, which 32-bit numbers cannot tell "
            "apart: subtract the offset."
        )


def _survey(image: Image) -> tuple[int, int, tuple[float, float], float]:
    """Return the counts of NaN and infinity, the range of finite values, and their median (of a sample)."""
    nans = infinities = read = 0
    low, high, sample = np.inf, -np.inf, []
    for region in _spread_out(image):
        block = np.asarray(image.data[region])
        more = _not_finite(block)
        nans, infinities, read = nans + more[0], infinities + more[1], read + block.nbytes
        finite = block[np.isfinite(block)] if any(more) else block.ravel()
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
            sample.append(finite[:: max(finite.size // 10_000, 1)].copy())
        if high > low and (read >= WHOLE or image.dtype.kind != "f"):
            break
    median = float(np.median(np.concatenate(sample))) if sample else 0.0
    return nans, infinities, (low, high), median


def _spread_out(image: Image) -> Iterator[Slices]:
    """Visit a sample of blocks, spread evenly, and then the others."""
    regions = list(blocks(image.shape, image.dtype.itemsize))
    step = max(prod(image.shape) * image.dtype.itemsize // WHOLE, 1)
    return chain.from_iterable(regions[first::step] for first in range(step))


def _not_finite(block: Any) -> tuple[int, int]:
    if block.dtype.kind != "f":
        return 0, 0
    return int(np.isnan(block).sum()), int(np.isinf(block).sum())


def _count(nans: int, infinities: int) -> str:
    parts = [f"{nans:,} NaN"] * (nans > 0) + [f"{infinities:,} infinite values"] * (infinities > 0)
    return " and ".join(parts)


class Filled:
    """Numbers with the values that are not finite replaced, alike for every region that is read."""

    def __init__(self, source: ArrayLike, fallback: float) -> None:
        self.source, self.fallback = source, fallback
        self.shape, self.dtype = tuple(source.shape), np.dtype(source.dtype)

    def __getitem__(self, region: Any) -> Any:
        wanted, taken = slices(region, self.shape)
        margin = [min(part.start, 1) for part in wanted[-2:]]
        plane = zip(wanted[-2:], margin, self.shape[-2:], strict=True)
        wider = [slice(part.start - m, min(part.stop + 1, n)) for part, m, n in plane]
        block = self._fill(np.array(self.source[(*wanted[:-2], *wider)]))
        inner = [slice(m, m + part.stop - part.start, part.step) for part, m in zip(wanted[-2:], margin, strict=True)]
        rest = [slice(None)] * (block.ndim - 2)
        block = block[(*rest, *inner)]
        return block[tuple(0 if axis in taken else slice(None) for axis in range(block.ndim))]

    def _fill(self, block: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        bad = ~np.isfinite(block)
        if not bad.any():
            return block
        padding = [(0, 0)] * (block.ndim - 2) + [(1, 1), (1, 1)]
        padded = np.pad(np.where(bad, np.nan, block), padding, constant_values=np.nan)
        *lead, rows, columns = np.nonzero(bad)
        around = [(dy, dx) for dy in range(3) for dx in range(3)]
        neighbours = np.stack([padded[(*lead, rows + dy, columns + dx)] for dy, dx in around])
        alone = np.isnan(neighbours).all(axis=0)
        neighbours[:, alone] = self.fallback
        block[bad] = np.nanmedian(neighbours, axis=0)
        return block
