"""What an instrument never measures, learned from what is known of all images: they may be turned or moved."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid._math import seeds
from pellucid._math.ranks import shared_mean
from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.data.splits import Split
from pellucid.objectives.base import Objective
from pellucid.objectives.held_out import Distance
from pellucid.restorers.base import Restorer

Symmetry = Literal["rotations", "turns", "shifts"]


class Equivariant(Objective[Restorer]):
    """L = d(H x₁, held) + weight ‖T x₁ − F(H T x₁; H)‖² / ‖T x₁‖², x₁ = F(given; H), T a symmetry of the images.

    Parameters
    ----------
    split
        Divides a batch into what the model sees and what is compared.
    distance
        d; one number a sample.
    symmetry
        ``rotations`` by any angle, bilinear; ``turns``: quarter turns and mirror images; ``shifts`` around the border.
    weight
        Of the second term.

    Notes
    -----
    Where the noise is known, H T x₁ gets noise of its own (robust equivariant imaging).

    References
    ----------
    Chen, Tachella, Davies, "Equivariant imaging: learning beyond the range space", ICCV 2021; "Robust equivariant
    imaging", CVPR 2022.
    """

    def __init__(self, split: Split, distance: Distance, symmetry: Symmetry = "rotations", weight: float = 1.0) -> None:
        super().__init__()
        self.split, self.distance, self.move, self.weight = split, distance, _MOVES[symmetry], weight

    def terms(self, model: Restorer, batch: Measurement, step: Step) -> dict[str, Tensor]:
        """Return the distance to what is held, and how far the model is from being equivariant."""
        given, held = self.split(batch, step.rng)
        image = model(given, step.rng)
        loss = self.distance(held.operator(image).unsqueeze(1), held)
        moved = self.move(image, seeds.generator("cpu", step.rng.initial_seed(), 3))
        off = _power(moved - model(given.with_y(_measured(moved, given, step.rng)), step.rng))
        unequal = self.weight * off / _power(moved).detach()
        count = torch.full_like(loss.sum(), len(loss))
        return {"consistency": shared_mean(loss.sum(), count), "equivariance": shared_mean(unequal.sum(), count)}


def _measured(image: Tensor, like: Measurement, rng: torch.Generator) -> Tensor:
    """Return what the instrument records of an image, with its noise where that is known."""
    y: Tensor = like.operator(image)
    if like.noise is None:
        return y
    noisy, acquired = like.noise.sample(y, rng), like.operator.acquired
    return noisy if acquired is None else noisy * acquired


def _power(image: Tensor) -> Tensor:
    return image.abs().square().flatten(1).sum(1)


def _rotated(image: Tensor, rng: torch.Generator) -> Tensor:
    """Turn the last two axes by any angle."""
    angle = 2 * math.pi * float(torch.rand((), generator=rng))
    parts = torch.view_as_real(image).movedim(-1, 1) if image.is_complex() else image.unsqueeze(1)
    planes = parts.reshape(-1, 1, *image.shape[-2:])
    rows, columns = image.shape[-2:]
    c, s = math.cos(angle), math.sin(angle)
    affine = torch.tensor([[c, -s * rows / columns, 0], [s * columns / rows, c, 0]], dtype=planes.dtype)
    affine = affine.to(planes.device, non_blocking=True)
    grid = F.affine_grid(affine.expand(len(planes), 2, 3), list(planes.shape), align_corners=False)
    turned = F.grid_sample(planes, grid, align_corners=False).view(parts.shape)
    return torch.view_as_complex(turned.movedim(1, -1).contiguous()) if image.is_complex() else turned.squeeze(1)


def _turned(image: Tensor, rng: torch.Generator) -> Tensor:
    """Exchange rows and columns where there are as many of them, and mirror either."""
    swap, *mirrors = (torch.rand(3, generator=rng) < 0.5).tolist()
    image = image.mT if swap and image.shape[-1] == image.shape[-2] else image
    return image.flip([axis for axis, mirror in zip((-2, -1), mirrors, strict=True) if mirror])


def _shifted(image: Tensor, rng: torch.Generator) -> Tensor:
    """Move all axes in a circle."""
    axes = range(2, image.ndim)
    return image.roll([int(torch.randint(image.shape[axis], (), generator=rng)) for axis in axes], tuple(axes))


_MOVES: dict[Symmetry, Callable[[Tensor, torch.Generator], Tensor]] = {
    "rotations": _rotated,
    "turns": _turned,
    "shifts": _shifted,
}
