"""From a measurement and a restorer to the image, in memory or tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from pellucid._math.cut import Cut
from pellucid._math.halo import halo
from pellucid._math.regions import Region, view
from pellucid.data.measurement import Measurement
from pellucid.noise.base import NoiseModel
from pellucid.operators import Identity
from pellucid.restorers.base import Restorer
from pellucid.tiling import apply_tiled, plan

_halos: WeakKeyDictionary[Restorer, dict[tuple[int, int], tuple[int, ...] | None]] = WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True)
class Restoration:
    """What came out, and what it leaves unexplained.

    Parameters
    ----------
    image
        x_hat, (batch, channel, *space).
    spread
        Marginal standard deviation of the image, of the same shape, or None where the restorer has none.
    residual
        y - H x_hat: noise, where the restoration is right.
    provenance
        Which restorer it was, and how the image was cut: `tile`, `halo` and `stride`.
    """

    image: Tensor
    spread: Tensor | None
    residual: Tensor
    provenance: Mapping[str, object]


def restore(measurement: Measurement, restorer: Restorer, *, rng: torch.Generator | None = None) -> Restoration:
    """Restore a measurement that is in memory.

    Where H is the identity, each image of the batch is restored by `restore_tiled`: sizes need not be multiples
    of a stride, and the restorer needs memory for a tile only. Any other H is restored in one piece.

    Parameters
    ----------
    measurement
        Recorded data and operator, in the units of the restorer.
    restorer
        What turns it into an image.
    rng
        For restorers that draw.

    Examples
    --------
    >>> from pellucid.restorers import Regularised
    >>> half = Regularised(lambda given, strength: strength * given.y, 0.5)
    >>> restore(Measurement(y=torch.ones(1, 1, 3, 5), operator=Identity()), half).residual.mean().item()
    0.5
    """
    y, operator = measurement.y, measurement.operator
    provenance: dict[str, object] = {"restorer": type(restorer).__name__}
    with torch.no_grad():
        if isinstance(operator, Identity):
            answers = [_in_memory(part, restorer, measurement.noise, rng) for part in y]
            cut = answers[0][1]
            provenance |= {"tile": cut.tile, "halo": cut.halo, "stride": cut.stride}
            image, *spread = torch.stack([maps for maps, _ in answers], 1)
        else:
            image, *spread = (part for part in restorer.estimate(measurement, rng) if part is not None)
        residual = y - operator(image)
    return Restoration(image=image, spread=spread[0] if spread else None, residual=residual, provenance=provenance)


def restore_tiled(
    restorer: Restorer,
    read: Callable[[Region], Tensor],
    write: Callable[[Region, Tensor], None],
    space: Sequence[int],
    *,
    noise: NoiseModel | None = None,
    device: torch.device | str = "cpu",
    rng: torch.Generator | None = None,
    tile: Sequence[int] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Cut:
    """Restore an image of any size tile by tile, equal to the whole up to rounding.

    The image is read and written region by region, so that neither need be in memory. Beyond the edges it goes on
    as its mirror image. The noise model, the data that `read` returns and the restorer share one unit.

    Parameters
    ----------
    restorer
        What turns data into an image, on `device`.
    read
        Returns a region of the data, (channel, *region), in floating point.
    write
        Takes a region and, on the CPU, the image there and, where the restorer has one, its spread:
        (1 or 2, channel, *region). Where tiles blend, regions are not those that were read.
    space
        Size of the image along each spatial axis.
    noise
        p(y | x), on `device`; where the restorer needs it.
    device
        Where the restorer computes.
    rng
        For restorers that draw; then tiles and whole agree only in distribution.
    tile
        Size of a tile along each axis, rounded up to the stride; default: from the free memory.
    on_progress
        Called with the number of pixels done and of all.
    cancel
        Asked before each tile whether to stop.

    Returns
    -------
    Cut
        How the image was cut.

    Raises
    ------
    Cancelled
        Where `cancel` said so.
    InputError
        Where memory does not suffice for the smallest tile.

    Examples
    --------
    >>> from pellucid.restorers import Regularised
    >>> data, image = torch.ones(1, 5, 7), torch.empty(1, 5, 7)
    >>> def write(region, maps):
    ...     image[(..., *region)] = maps[0]
    >>> smooth = Regularised(lambda given, strength: torch.nn.functional.avg_pool2d(given.y, 3, 1, 1), 1.0)
    >>> cut = restore_tiled(smooth, lambda region: data[(..., *region)], write, (5, 7), tile=(4, 4))
    >>> cut.halo, image.unique().item()
    ((1, 1), 1.0)
    """

    def function(y: Tensor, rng: torch.Generator | None = rng) -> Tensor:
        given = Measurement(y=y, operator=Identity(), noise=noise)
        return torch.stack([part for part in restorer.estimate(given, rng) if part is not None], 1)

    device, dims = torch.device(device), len(space)
    stride = restorer.stride(dims)
    like = read((slice(0, 1),) * dims).to(device)
    key = (dims, len(like))
    known = _halos.setdefault(restorer, {})
    if restorer.whole:
        known[key], tile = (0,) * dims, space
    elif key not in known:
        known[key] = halo(lambda y: function(y, None), stride, like=like)
    cut = plan(space, stride, known[key], device, tile)
    return apply_tiled(function, read, write, cut, device=device, on_progress=on_progress, cancel=cancel)


def _in_memory(
    y: Tensor, restorer: Restorer, noise: NoiseModel | None, rng: torch.Generator | None
) -> tuple[Tensor, Cut]:
    """Restore y, (channel, *space); return image and maybe spread, (1 or 2, channel, *space)."""
    maps = y.new_empty(0)

    def read(region: Region) -> Tensor:
        return view(y, region)

    def write(region: Region, part: Tensor) -> None:
        nonlocal maps
        if not len(maps):
            maps = torch.empty(*part.shape[: -len(region)], *y.shape[1:], dtype=part.dtype, device=y.device)
        view(maps, region).copy_(part)

    cut = restore_tiled(restorer, read, write, y.shape[1:], noise=noise, device=y.device, rng=rng)
    return maps, cut
