"""Regions of an image, and the mirror extension beyond its edges."""

from __future__ import annotations

import math

import torch
from torch import Tensor

Region = tuple[slice, ...]
"""One slice with start and stop for each spatial axis."""


def mirror(start: int, stop: int, size: int) -> Tensor:
    """Return where the places [start, stop) of an endless mirror extension lie in an axis of `size`.

    The outermost pixels are not repeated; a single pixel is repeated for ever.

    Examples
    --------
    >>> mirror(-3, 6, 3).tolist()
    [1, 2, 1, 0, 1, 2, 1, 0, 1]
    """
    period = max(2 * (size - 1), 1)
    place = torch.arange(start, stop) % period
    return torch.minimum(place, period - place)


def up_to_multiple(size: int, multiple: int) -> int:
    """Return the least multiple that is not below a size."""
    return -(-size // multiple) * multiple


def view(array: Tensor, region: Region) -> Tensor:
    """Return a view of a region of the last axes of an array, (..., *region)."""
    return array[(slice(None),) * (array.ndim - len(region)) + region]


def pixels(region: Region) -> int:
    """Return how many pixels a region has."""
    return math.prod(s.stop - s.start for s in region)


def relative(region: Region, origin: Region) -> Region:
    """Return a region counted from where another begins."""
    return tuple(slice(r.start - o.start, r.stop - o.start) for r, o in zip(region, origin, strict=True))
