"""Instruments at random: what AmbientGAN measures images of its own with."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pellucid.errors import InputError
from pellucid.operators.base import Operator, OperatorPrior
from pellucid.operators.elementary import Sampling
from pellucid.operators.radon import Radon


class Known(OperatorPrior):
    """One instrument that is always the same; with a blur, and noise, this is "Convolve+Noise".

    Parameters
    ----------
    operator
        The instrument; its parameters have a batch axis of length 1, if any.
    """

    def __init__(self, operator: Operator) -> None:
        self.operator = operator

    def draw(self, count: int, rng: torch.Generator) -> Operator:
        """Return the instrument."""
        return self.operator


class DroppedPixels(OperatorPrior):
    """Each pixel is zero with a probability, independently of all others: "Block-Pixels".

    Parameters
    ----------
    space
        Length of each spatial axis; the channels of a pixel share its fate.
    part
        The probability.

    Raises
    ------
    InputError
        If it is not in [0, 1): no measurement would be left.
    """

    def __init__(self, space: Sequence[int], part: float) -> None:
        if not 0 <= part < 1:
            raise InputError(f"Pixels are dropped with a probability of 0 or more, below 1, but it is {part:g}.")
        self.space, self.part = tuple(space), part

    def draw(self, count: int, rng: torch.Generator) -> Sampling:
        """Return the samplings of `count` independent draws."""
        return Sampling(torch.rand(count, 1, *self.space, generator=rng, device=rng.device) >= self.part)


class BlockedPatch(OperatorPrior):
    """A square or cube of pixels is zero, wherever it lies within the image with equal probability: "Block-Patch".

    Parameters
    ----------
    space
        Length of each spatial axis.
    side
        Of the patch.

    Raises
    ------
    InputError
        If the patch is not smaller than the image.
    """

    def __init__(self, space: Sequence[int], side: int) -> None:
        if not 0 < side < min(space):
            raise InputError(f"A blocked patch must be smaller than the image {tuple(space)}, but its side is {side}.")
        self.space, self.side = tuple(space), side

    def draw(self, count: int, rng: torch.Generator) -> Sampling:
        """Return the samplings of `count` independent draws."""
        blocked = torch.ones(count, 1, *[1] * len(self.space), dtype=torch.bool, device=rng.device)
        for axis, n in enumerate(self.space):
            first = torch.randint(n - self.side + 1, (count, 1), generator=rng, device=rng.device)
            place = torch.arange(n, device=rng.device)
            inside = (place >= first) & (place < first + self.side)
            blocked = blocked & inside.view(count, 1, *[n if k == axis else 1 for k in range(len(self.space))])
        return Sampling(~blocked)


class View(Operator):
    """One projection of an image, and the direction from which it was taken.

    Parameters
    ----------
    radon
        Of one angle θ for each image.

    Notes
    -----
    y has a channel for each of the image, and two more that are cos θ and sin θ in every bin: (batch, channel + 2,
    detector).
    """

    def __init__(self, radon: Radon) -> None:
        super().__init__()
        self.radon = radon
        self.in_shape, self.out_shape = radon.in_shape, (None, radon.detector)

    def forward(self, x: Tensor) -> Tensor:
        """Project x, (batch, channel, row, column)."""
        y = self.radon(x)[:, :, 0]
        angles = self.radon.angles[..., None].to(y).expand(len(y), 1, y.shape[-1])
        return torch.cat((y, angles.cos(), angles.sin()), 1)

    def backproject(self, y: Tensor) -> Tensor:
        """Return the filtered back-projection."""
        return self.radon.backproject(y[:, :-2, None])


class RandomViews(OperatorPrior):
    """Projections along directions that are uniform on the circle, and known: "Pad-Rotate-Project-θ".

    Parameters
    ----------
    space
        Rows and columns of the image; the detector is as long as its diagonal.
    """

    def __init__(self, space: tuple[int, int]) -> None:
        self.space = space

    def draw(self, count: int, rng: torch.Generator) -> View:
        """Return the views of `count` independent draws."""
        angles = 2 * math.pi * torch.rand(count, 1, generator=rng, device=rng.device)
        return View(Radon(angles, space=self.space))
