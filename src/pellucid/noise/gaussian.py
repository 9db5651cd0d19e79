"""Gaussian noise: the same everywhere."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pellucid.noise.base import NoiseModel, parameter


class Gaussian(NoiseModel):
    """y = z + sigma n, with n standard normal and independent in every entry.

    Parameters
    ----------
    sigma
        Standard deviation, in the units of y; positive.
    """

    sigma: Tensor

    def __init__(self, sigma: float | Tensor) -> None:
        super().__init__()
        self.register_buffer("sigma", parameter("sigma", sigma, positive=True))

    def sample(self, z: Tensor, rng: torch.Generator) -> Tensor:
        """Draw y given z."""
        return z + self.sigma * torch.randn(z.shape, generator=rng, dtype=z.dtype, device=z.device)

    def log_prob(self, y: Tensor, z: Tensor) -> Tensor:
        """Log density of y given z, entry by entry."""
        return -0.5 * ((y - z) / self.sigma) ** 2 - self.sigma.log() - 0.5 * math.log(2 * math.pi)

    def variance(self, z: Tensor) -> Tensor:
        """Return sigma squared for every entry."""
        return (self.sigma**2).to(z.dtype).expand_as(z)

    def rescale(self, offset: float, scale: float) -> Gaussian:
        """Return the model of ``(y - offset) / scale``."""
        return Gaussian(self.sigma / scale)
