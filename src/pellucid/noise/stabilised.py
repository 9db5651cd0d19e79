"""The noise that is left after variance stabilisation."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pellucid.noise.base import NoiseModel
from pellucid.noise.stabilise import Stabiliser


class Stabilised(NoiseModel):
    """Gaussian noise of t = (f(y) - offset) / scale, as strong as the stabiliser f leaves it.

    That is 1 / scale, but less below two photons, where f cannot bring the noise to unit strength.

    Parameters
    ----------
    stabiliser
        The generalised Anscombe transform f.
    offset, scale
        Of the standardisation that follows it.

    Examples
    --------
    >>> from pellucid.noise import Poisson
    >>> noise = Stabilised(Stabiliser(Poisson()), 0.0, 2.0)
    >>> noise.variance(torch.tensor([8.0])).sqrt().round(decimals=3).item()
    0.5
    """

    def __init__(self, stabiliser: Stabiliser, offset: float, scale: float) -> None:
        super().__init__()
        self.stabiliser, self.offset, self.scale = stabiliser, offset, scale

    def variance(self, z: Tensor) -> Tensor:
        """Return the variance of t where its mean is z."""
        return (self.stabiliser.deviation(z * self.scale + self.offset) / self.scale).square()

    def sample(self, z: Tensor, rng: torch.Generator) -> Tensor:
        """Draw t given its mean z."""
        deviation = self.variance(z).sqrt().detach()
        return z + deviation * torch.randn(z.shape, generator=rng, dtype=z.dtype, device=z.device)

    def log_prob(self, y: Tensor, z: Tensor) -> Tensor:
        """Log density of t = y given its mean z, taken for Gaussian."""
        variance = self.variance(z)
        return -0.5 * ((y - z).square() / variance + variance.log() + math.log(2 * math.pi))

    def rescale(self, offset: float, scale: float) -> Stabilised:
        """Return the model of ``(t - offset) / scale``."""
        return Stabilised(self.stabiliser, self.offset + self.scale * offset, self.scale * scale)
