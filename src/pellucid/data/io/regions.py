"""Regions of an array: in which order to visit them, and what an index means."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any

import numpy as np

Slices = tuple[slice, ...]


def slices(region: Any, shape: tuple[int, ...]) -> tuple[Slices, tuple[int, ...]]:
    """Spell an index of slices, integers and ``...`` out.

    Returns
    -------
    tuple
        One slice an axis with start, stop and step, and the axes that an integer takes away.

    Examples
    --------
    >>> slices((0, ..., slice(2, None)), (3, 4, 5))
    ((slice(0, 1, 1), slice(0, 4, 1), slice(2, 5, 1)), (0,))
    """
    parts = list(region) if isinstance(region, tuple) else [region]
    missing = len(shape) - sum(part is not Ellipsis for part in parts)
    if missing < 0:
        raise IndexError(f"{len(parts)} indices for an image with {len(shape)} axes")
    at = next((k for k, part in enumerate(parts) if part is Ellipsis), len(parts))
    parts[at : at + 1] = [slice(None)] * missing
    spelled, taken = [], []
    for axis, (part, length) in enumerate(zip(parts, shape, strict=True)):
        if isinstance(part, slice):
            start, stop, step = part.indices(length)
            if step < 1:
                raise IndexError("regions run forwards: use a positive step")
            spelled.append(slice(start, max(start, stop), step))
        else:
            index = operator.index(part)
            if not -length <= index < length:
                raise IndexError(f"index {index} is outside axis {axis} of length {length}")
            spelled.append(slice(index % length, index % length + 1, 1))
            taken.append(axis)
    return tuple(spelled), tuple(taken)


def extent(region: Slices) -> tuple[int, ...]:
    """Return the shape of a spelled region."""
    return tuple(len(range(part.start, part.stop, part.step)) for part in region)


def spread(region: Any, block: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[Slices, Any]:
    """Spell the target region of an assignment, and give its block every axis of the array."""
    target, taken = slices(region, shape)
    full = extent(target)
    values = np.asarray(block, dtype)
    values = np.broadcast_to(values, tuple(n for axis, n in enumerate(full) if axis not in taken))
    return target, values.reshape(full)


def blocks(shape: tuple[int, ...], itemsize: int, limit: int = 2**26) -> Iterator[Slices]:
    """Cut an array into regions of at most `limit` bytes, in storage order.

    Cuts fall on multiples of 512 where they can, so that a block covers whole Zarr chunks.

    Examples
    --------
    >>> [part[0] for part in blocks((4, 10, 10), itemsize=1, limit=200)]
    [slice(0, 2, None), slice(2, 4, None)]
    """
    step = [1] * len(shape)
    for axis in reversed(range(len(shape))):
        fits = max(limit // max(itemsize * prod(shape[axis + 1 :]), 1), 1)
        step[axis] = min(max(shape[axis], 1), fits - fits % 512 if fits > 512 else fits)
        if step[axis] < shape[axis]:
            break
    starts = product(*(range(0, n, s) for n, s in zip(shape, step, strict=True)))
    for start in starts:
        yield tuple(slice(a, min(a + s, n)) for a, s, n in zip(start, step, shape, strict=True))
