"""The geometry of tiles: where they lie, what is read for them, and how much each counts."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product

import torch
from torch import Tensor

from pellucid._math.regions import Region, up_to_multiple


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How an image is cut.

    Parameters
    ----------
    space
        Size of the image along each spatial axis.
    stride
        Tiles start at multiples of this.
    halo
        How deep a cut spoils the answer along each axis (see `halo`), or None where it spoils all.
    tile
        Size of a tile without its halo, a multiple of the stride.

    Examples
    --------
    >>> cut = Cut(space=(9,), stride=(2,), halo=(2,), tile=(4,))
    >>> [(r.start, r.stop) for (r,) in cut.regions()]
    [(0, 4), (4, 8), (8, 9)]
    >>> [(r.start, r.stop) for (r,) in map(cut.read, cut.regions())]
    [(-2, 6), (2, 10), (6, 12)]
    """

    space: tuple[int, ...]
    stride: tuple[int, ...]
    halo: tuple[int, ...] | None
    tile: tuple[int, ...]

    @property
    def blends(self) -> bool:
        """Whether tiles overlap and blend: where there are several and each depends on the whole image."""
        return self.halo is None and any(t < n for t, n in zip(self.tile, self.space, strict=True))

    @property
    def margin(self) -> tuple[int, ...]:
        """What is read around a tile: the halo; where tiles blend, a sixth of the tile, so a quarter overlaps."""
        if self.halo is not None:
            return self.halo
        sizes = zip(self.tile, self.space, self.stride, strict=True)
        return tuple(up_to_multiple(math.ceil(t / 6), s) if t < n else 0 for t, n, s in sizes)

    def read(self, tile: Region) -> Region:
        """Return what is read for a tile, mirror images beyond the edges included: multiples of the stride.

        An axis is prolonged by its margin, but by no more than a quarter at each end: stacks of few planes
        would be mostly mirror images.
        """
        spans = []
        for t, m, s, n in zip(tile, self.margin, self.stride, self.space, strict=True):
            beyond = min(m, up_to_multiple(math.ceil(n / 4), s))
            stop = min(up_to_multiple(t.stop, s) + m, up_to_multiple(n, s) + beyond)
            spans.append(slice(max(t.start - m, -beyond), stop))
        return tuple(spans)

    def regions(self, within: Region | None = None) -> list[Region]:
        """Return the tiles of the image, or of a part of it, in the order of memory."""
        spans = within or tuple(slice(0, n) for n in self.space)
        starts = (range(w.start, w.stop, t) for w, t in zip(spans, self.tile, strict=True))
        return [
            tuple(slice(a, min(a + t, w.stop)) for a, t, w in zip(corner, self.tile, spans, strict=True))
            for corner in product(*starts)
        ]

    def halved(self) -> Cut:
        """Return the cut into tiles of half the length along their longest axis."""
        tile = [min(t, up_to_multiple(n, s)) for t, n, s in zip(self.tile, self.space, self.stride, strict=True)]
        longest = tile.index(max(tile))
        tile[longest] = up_to_multiple(tile[longest] // 2, self.stride[longest])
        return replace(self, tile=tuple(tile))

    @property
    def ramp(self) -> tuple[int, ...]:
        """How far a tile that blends counts beyond its edges: half its margin.

        The outer half is thrown away, for there the answer knows least of its surroundings.
        """
        return tuple(m // 2 for m in self.margin)

    def weights(self, tile: Region) -> tuple[Region, Tensor]:
        """Return where a tile that blends counts and how much; over all tiles the weights add to one."""
        spans, weights = [], torch.ones((), dtype=torch.float64)
        for t, n, m in zip(tile, self.space, self.ramp, strict=True):
            span = slice(max(t.start - m, 0), min(t.stop + m, n))
            place = torch.arange(span.start, span.stop, dtype=torch.float64) + 0.5
            rise = _hann(place - t.start, m) if t.start > 0 else torch.ones_like(place)
            fall = _hann(place - t.stop, m) if t.stop < n else torch.zeros_like(place)
            weights = weights.unsqueeze(-1) * (rise - fall)
            spans.append(span)
        return tuple(spans), weights


def _hann(distance: Tensor, reach: int) -> Tensor:
    """Return sin² rising from 0 to 1 over [-reach, reach]; a step where the reach is none."""
    return torch.sin(math.pi / 2 * (distance / max(2 * reach, 0.5) + 0.5).clamp(0, 1)).square()
