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
from itertools import groupby

import psutil
import torch
from torch import Tensor

from pellucid._math.cut import Cut
from pellucid._math.regions import Region, mirror, pixels, relative, up_to_multiple, view
from pellucid.errors import InputError

Evaluate = Callable[[Cut, Region], Tensor | None]
Put = Callable[[Region, Tensor, int], None]

_PIXEL_BYTES = 2048  # what a network is taken to need for each pixel; a U-Net of 32 features needs 800
_EDGES = [factor << k for k in range(5, 12) for factor in (2, 3)]  # 64, 96, 128, ..., 6144


class Cancelled(Exception):
    """The caller asked to stop; some regions are not written."""


def plan(
    space: Sequence[int],
    stride: Sequence[int],
    halo: tuple[int, ...] | None,
    device: torch.device,
    tile: Sequence[int] | None = None,
) -> Cut:
    """Cut an image into tiles of a given size or, without one, of a size that suits device and memory.

    Half of the free memory is used at most, at 2 KiB a pixel: an estimate, halved where it proves wrong. Tiles
    grow until the halo adds a seventh; on a CPU one half, for there small tiles stay near its caches. Tiles that
    blend are as large as memory allows.
    """
    whole = tuple(up_to_multiple(n, s) for n, s in zip(space, stride, strict=True))

    def cut(edges: Sequence[int]) -> Cut:
        sizes = (min(up_to_multiple(e, s), n) for e, s, n in zip(edges, stride, whole, strict=True))
        return Cut(space=tuple(space), stride=tuple(stride), halo=halo, tile=tuple(sizes))

    if tile is not None:
        return cut(tile)
    least, waste = (2**18, 1 / 7) if device.type == "cuda" else (2**16, 1 / 2)
    room = _free_memory(device) / 2 / _PIXEL_BYTES
    best = cut([_EDGES[0]] * len(whole))
    for edge in _EDGES[1:]:
        larger = cut([edge] * len(whole))
        made = tuple(slice(0, t) for t in larger.tile)
        read = pixels(larger.read(made))
        if read > room:
            break
        best = larger
        if halo is not None and read > least and read < (1 + waste) * pixels(made):
            break
    return best


def apply_tiled(
    function: Callable[[Tensor], Tensor],
    read: Callable[[Region], Tensor],
    write: Callable[[Region, Tensor], None],
    cut: Cut,
    *,
    device: torch.device | str = "cpu",
    begin: Callable[[Region, Region], None] | None = None,
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
    begin
        Told of each tile before the function is: its region of the image, and where it lies in what was read for it.
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
        if begin is not None:
            begin(region, relative(region, cut.read(region)))
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
                cut = _smaller(cut)
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
    """Restore overlapping tiles and blend them by Hann ramps; a row of tiles is written when it is final."""
    rest: Tensor | None = None  # what the tiles above gave to rows that are not final yet
    first, whole = 0, tuple(slice(0, n) for n in cut.space[1:])
    for row, tiles in groupby(cut.regions(), key=lambda region: region[0]):
        stop = min(row.stop + cut.ramp[0], cut.space[0])
        final = row.stop - cut.ramp[0] if row.stop < cut.space[0] else stop
        origin = (slice(first, stop), *whole)
        band: Tensor | None = None
        for region in tiles:
            answer = evaluate(cut, region)
            if answer is None:
                return _blended(evaluate, put, _smaller(cut))
            if band is None:
                maps = answer.shape[: -len(cut.space)]
                band = torch.zeros(*maps, stop - first, *cut.space[1:], dtype=answer.dtype)
                if rest is not None:
                    band.narrow(len(maps), 0, rest.shape[len(maps)]).copy_(rest)
            where, weights = cut.weights(region)
            part = view(answer, relative(where, cut.read(region))).cpu()
            view(band, relative(where, origin)).add_(part * weights.to(part.dtype))
        assert band is not None
        axis = band.ndim - len(cut.space)
        ready, rest = torch.split(band, [final - first, stop - final], axis)
        put((slice(first, final), *whole), ready, pixels((slice(0, final), *whole)))
        first = final
    return cut


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


def _smaller(cut: Cut) -> Cut:
    """Return the cut into smaller tiles, after memory did not suffice."""
    if max(cut.tile) < 32 or cut.halved() == cut:
        raise InputError(
            f"There is not enough memory to restore even a tile of {' x '.join(map(str, cut.tile))} pixels; close "
            "other programs, choose another device or train a smaller model."
        )
    return cut.halved()


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
