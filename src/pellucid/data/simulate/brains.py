"""Slices through heads that nobody has: ellipses with texture, and a smooth phase."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.data.simulate.ellipses import Ellipses, random_ellipses

_SKULL = torch.tensor([[0.70, 0.88], [0.64, 0.82], [0.60, 0.78]], dtype=torch.float64)  # scalp, bone, brain
_STEPS = torch.tensor([0.9, -0.75, 0.45], dtype=torch.float64)  # what each adds


def random_brain(
    size: int, rng: torch.Generator, *, details: int = 24, texture: float = 0.1, phase: float = 0.6
) -> Tensor:
    """Return a slice of a head: scalp, bone and brain with `details` ellipses in it, complex, (1, 1, size, size).

    Parameters
    ----------
    size
        Of the picture.
    rng
        Where all is drawn from.
    details
        Ellipses within the brain, brighter or darker by at most a third.
    texture
        Standard deviation of a random field whose amplitude falls with the frequency, relative to the brightness.
    phase
        Standard deviation of a smooth random field, in radians.

    Examples
    --------
    >>> random_brain(32, torch.Generator().manual_seed(0)).shape
    torch.Size([1, 1, 32, 32])
    """
    around = 1 + 0.05 * (2 * torch.rand(2, generator=rng, dtype=torch.float64) - 1)
    turn = 0.2 * (2 * torch.rand(1, generator=rng, dtype=torch.float64) - 1)
    inner = random_ellipses(details, rng, values=(-0.3, 0.3))
    shapes = Ellipses(
        torch.cat([_STEPS, inner.values]),
        torch.cat([_SKULL * around, 0.7 * inner.axes]),
        torch.cat([torch.zeros(3, 2, dtype=torch.float64), 0.55 * inner.centres]),
        torch.cat([turn.expand(3), inner.rotations]),
    )
    magnitude = shapes.image(size) * (1 + texture * random_field(size, rng, power=1.5))
    return torch.polar(magnitude.clamp(min=0), phase * random_field(size, rng, power=3.0)).to(torch.complex64)


def random_field(size: int, rng: torch.Generator, *, power: float) -> Tensor:
    """Return a periodic Gaussian field of mean zero and variance one, (1, 1, size, size) in double precision.

    Its amplitude falls with the frequency f as 1 / f ** power: the larger the power, the smoother.
    """
    frequency = torch.fft.fftfreq(size, dtype=torch.float64)
    away = torch.hypot(frequency[:, None], frequency[None])
    amplitude = torch.where(away > 0, away.clamp(min=1 / size) ** -power, 0)
    white = torch.randn(1, 1, size, size, generator=rng, dtype=torch.float64)
    field = torch.fft.ifft2(torch.fft.fft2(white) * amplitude).real
    unit: Tensor = field / field.square().mean().sqrt()
    return unit
