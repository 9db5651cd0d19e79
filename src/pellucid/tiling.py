"""Cut, restore, put together: an image of any size, as if it had been restored in one piece.

Beyond its edges an image goes on as its mirror image. A tile is read with a halo, restored, and its halo thrown
away. Where the halo is as deep as a cut spoils the answer, and tiles start at multiples of the stride, tiles
and the whole image give the same numbers; no blending hides a difference. Only where every pixel depends on the whole
image (halo None) do tiles overlap and blend.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, product

import psutil
import torch
from torch import Tensor

from pellucid._math.regions import Region, mirror, pixels, relative, up_to_multiple, view
from pellucid.errors import InputError

Evaluate = Callable[["Cut", Region], Tensor | None]
Put = Callable[[Region, Tensor, int], None]

_PIXEL_BYTES = 4096  # what a network is taken to need for each pixel: four maps of 256 features in float32
_WASTE = 1.15  # larger tiles are not worth their memory where the halo adds less than this


class Cancelled(Exception):
    """The caller asked to stop; some regions are not written."""


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
        if tile[longest] < max(32, 2 * self.stride[longest]):
            raise InputError(
                f"There is not enough memory to restore even a tile of {' x '.join(map(str, tile))} pixels; "
                "close other programs, choose another device or train a smaller model."
            )
        tile[longest] = up_to_multiple(tile[longest] // 2, self.stride[longest])
        return replace(self, tile=tuple(tile))


def plan(
    space: Sequence[int],
    stride: Sequence[int],
    halo: tuple[int, ...] | None,
    device: torch.device,
    tile: Sequence[int] | None = None,
) -> Cut:
    """Cut an image into tiles of a given size or, without one, of a size that suits the free memory.

    Half of what is free is used, at 4 KiB a pixel: an estimate, halved where it proves wrong. Tiles grow until
    the halo adds little; those that blend are as large as memory allows.
    """
    whole = tuple(up_to_multiple(n, s) for n, s in zip(space, stride, strict=True))
    free = _free_memory(device)

    def cut(edges: Sequence[int]) -> Cut:
        sizes = (min(up_to_multiple(e, s), n) for e, s, n in zip(edges, stride, whole, strict=True))
        return Cut(space=tuple(space), stride=tuple(stride), halo=halo, tile=tuple(sizes))

    if tile is not None:
        return cut(tile)
    edge, best = 64, cut([64] * len(whole))
    while edge < max(whole):
        edge *= 2
        larger = cut([edge] * len(whole))
        first = tuple(slice(0, t) for t in larger.tile)
        read = pixels(larger.read(first))
        if read * _PIXEL_BYTES > free / 2:
            break
        best = larger
        if halo is not None and read > 2**18 and read < _WASTE * pixels(first):
            break
    return best


def apply_tiled(
    function: Callable[[Tensor], Tensor],
    read: Callable[[Region], Tensor],
    write: Callable[[Region, Tensor], None],
    cut: Cut,
    *,
    device: torch.device | str = "cpu",
    on_progress: Callable[[int, int], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Cut:
    """Apply a function to an image tile by tile, without gradients.

    Parameters
    ----------
    function
        Maps (1, channel, *tile) to (1, ..., *tile), on `device`.
    read
        Returns a region of the image, (channel, *region); it is never asked beyond the edges.
    write
        Takes a region and the answer there, (..., *region), on the CPU.
    cut
        How the image is cut.
    device
        Where the function computes. A CUDA device computes while the CPU reads and writes.
    on_progress
        Called with the number of pixels done and of all.
    cancel
        Asked before each tile whether to stop.

    Returns
    -------
    Cut
        The cut that memory allowed in the end.

    Raises
    ------
    Cancelled
        Where `cancel` said so.
    InputError
        Where memory does not suffice for the smallest tile.
    """
    device = torch.device(device)

    def evaluate(cut: Cut, region: Region) -> Tensor | None:
        if cancel is not None and cancel():
            raise Cancelled
        try:
            return _evaluate(function, read, cut, region, device)
        except (RuntimeError, MemoryError) as error:
            if not _out_of_memory(error):
                raise
        if device.type == "cuda":
            torch.cuda.empty_cache()
        return None

    def put(region: Region, answer: Tensor, done: int) -> None:
        write(region, answer)
        if on_progress is not None:
            on_progress(done, math.prod(cut.space))

    with torch.no_grad():
        return (_blended if cut.blends else _side_by_side)(evaluate, put, cut)


def _side_by_side(evaluate: Evaluate, put: Put, cut: Cut) -> Cut:
    """Restore tile after tile; those that do not fit into memory are cut smaller."""
    todo, done = cut.regions()[::-1], 0
    copies: deque[tuple[Region, Tensor, torch.cuda.Event | None]] = deque()
    while todo or copies:
        if todo:
            answer = evaluate(cut, todo[-1])
            if answer is None:
                cut = cut.halved()
                if cut.blends:
                    return _blended(evaluate, put, cut)
                todo = [part for region in todo for part in cut.regions(region)[::-1]]
                continue
            region = todo.pop()
            copies.append((region, *_to_host(view(answer, relative(region, cut.read(region))))))
        if len(copies) > 1 or not todo:  # while one tile is copied, the device computes the next
            region, host, copied = copies.popleft()
            if copied is not None:
                copied.synchronize()
            done += pixels(region)
            put(region, host, done)
    return cut


def _blended(evaluate: Evaluate, put: Put, cut: Cut) -> Cut:
    """Restore overlapping tiles and blend them by Hann ramps; a row of tiles is written when it is final.

    The outer half of a margin is thrown away, for there the answer knows least of its surroundings.
    """
    reach = tuple(m // 2 for m in cut.margin)
    rest: Tensor | None = None  # what the tiles above gave to rows that are not final yet
    first, whole = 0, tuple(slice(0, n) for n in cut.space[1:])
    for row, tiles in groupby(cut.regions(), key=lambda region: region[0]):
        stop = min(row.stop + reach[0], cut.space[0])
        final = row.stop - reach[0] if row.stop < cut.space[0] else stop
        origin = (slice(first, stop), *whole)
        band: Tensor | None = None
        for region in tiles:
            answer = evaluate(cut, region)
            if answer is None:
                return _blended(evaluate, put, cut.halved())
            if band is None:
                maps = answer.shape[: -len(cut.space)]
                band = torch.zeros(*maps, stop - first, *cut.space[1:], dtype=answer.dtype)
                if rest is not None:
                    band.narrow(len(maps), 0, rest.shape[len(maps)]).copy_(rest)
            where, weights = _weights(cut, region, reach)
            part = view(answer, relative(where, cut.read(region))).cpu()
            view(band, relative(where, origin)).add_(part * weights)
        assert band is not None
        axis = band.ndim - len(cut.space)
        ready, rest = torch.split(band, [final - first, stop - final], axis)
        put((slice(first, final), *whole), ready, pixels((slice(0, final), *whole)))
        first = final
    return cut


def _weights(cut: Cut, region: Region, reach: tuple[int, ...]) -> tuple[Region, Tensor]:
    """Return where a tile counts and how much it counts there; the weights of all tiles add to one."""
    spans, weights = [], torch.ones(())
    for r, n, m in zip(region, cut.space, reach, strict=True):
        span = slice(max(r.start - m, 0), min(r.stop + m, n))
        place = torch.arange(span.start, span.stop) + 0.5
        rise = _ramp(place - r.start, m) if r.start > 0 else torch.ones_like(place)
        fall = _ramp(place - r.stop, m) if r.stop < n else torch.zeros_like(place)
        weights = weights.unsqueeze(-1) * (rise - fall)
        spans.append(span)
    return tuple(spans), weights


def _ramp(distance: Tensor, reach: int) -> Tensor:
    """Return sin² from 0 to 1 over [-reach, reach]; a step where the reach is none."""
    return torch.sin(math.pi / 2 * (distance / max(2 * reach, 0.5) + 0.5).clamp(0, 1)).square()


def _evaluate(
    function: Callable[[Tensor], Tensor],
    read: Callable[[Region], Tensor],
    cut: Cut,
    region: Region,
    device: torch.device,
) -> Tensor:
    """Return the answer on all that is read for a tile."""
    places = [mirror(r.start, r.stop, n) for r, n in zip(cut.read(region), cut.space, strict=True)]
    inside = tuple(slice(int(place.min()), int(place.max()) + 1) for place in places)
    block = read(inside)
    if device.type == "cuda" and block.device.type == "cpu":
        block = block.pin_memory()
    block = block.to(device, non_blocking=True)
    for axis, (place, span) in enumerate(zip(places, inside, strict=True), start=1):
        if len(place) > span.stop - span.start:
            block = block.index_select(axis, (place - span.start).to(device))
    return function(block.unsqueeze(0)).squeeze(0)


def _to_host(answer: Tensor) -> tuple[Tensor, torch.cuda.Event | None]:
    """Return a copy on the CPU, and the event after which a copy from a CUDA device holds the numbers."""
    if answer.device.type != "cuda":
        return answer.cpu(), None
    host = torch.empty(answer.shape, dtype=answer.dtype, pin_memory=True)
    host.copy_(answer, non_blocking=True)
    copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
    copied.record()
    return host, copied


def _free_memory(device: torch.device) -> int:
    """Return the free bytes of a device; what PyTorch holds back for later use is free."""
    if device.type != "cuda":
        return int(psutil.virtual_memory().available)
    held_back = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + held_back


def _out_of_memory(error: Exception) -> bool:
    said = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        sign in said for sign in ("not enough memory", "can't allocate memory", "alloc_failed")
    )
