"""Poisson noise: photons that arrive one by one, and a detector that adds nothing."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pellucid.noise.base import NoiseModel, parameter


class Poisson(NoiseModel):
    """y = gain k + offset, with k ~ Poisson((z - offset) / gain), independent in every entry.

    Parameters
    ----------
    gain
        Grey levels a photon; positive.
    offset
        Grey level of darkness.

    Notes
    -----
    A mean below `offset` counts as darkness.
    """

    gain: Tensor
    offset: Tensor

    def __init__(self, gain: float | Tensor = 1.0, offset: float | Tensor = 0.0) -> None:
        super().__init__()
        self.register_buffer("gain", parameter("gain", gain, positive=True))
        self.register_buffer("offset", parameter("offset", offset))

    def sample(self, z: Tensor, rng: torch.Generator) -> Tensor:
        """Draw y given z."""
        count = torch.poisson(self._rate(z.detach()), generator=rng)
        return (self.gain * count + self.offset) + (z - z.detach())

    def log_prob(self, y: Tensor, z: Tensor) -> Tensor:
        """Log probability of y given z; it sums to one over the grey levels ``offset + gain k``."""
        return log_mass((y - self.offset) / self.gain, self._rate(z))

    def variance(self, z: Tensor) -> Tensor:
        """Return gain (z - offset)."""
        return self.gain**2 * self._rate(z)

    def rescale(self, offset: float, scale: float) -> Poisson:
        """Return the model of ``(y - offset) / scale``."""
        return Poisson(self.gain / scale, (self.offset - offset) / scale)

    def _rate(self, z: Tensor) -> Tensor:
        """Mean number of photons."""
        return ((z - self.offset) / self.gain).clamp(min=0)


def log_mass(k: Tensor, rate: Tensor) -> Tensor:
    """Log probability of k photons where `rate` are expected, -inf for k < 0.

    Notes
    -----
    From 16 photons on, Stirling's series around the deviance keeps float32 exact to 1e-5 at any rate. Rates
    below a millionth of a photon count as that.

    References
    ----------
    Loader, "Fast and accurate computation of binomial probabilities" (2000), section 2.
    """
    rate = rate.clamp(min=1e-6)
    few = k * rate.log() - rate - torch.lgamma(k.clamp(min=0) + 1)
    n = k.clamp(min=16)
    excess = (n - rate) / rate
    deviance = rate * ((1 + excess) * torch.log1p(excess) - excess)
    many = -deviance - 0.5 * (2 * math.pi * n).log() - 1 / (12 * n) + 1 / (360 * n**3)
    return torch.where(k < 0, -torch.inf, torch.where(k < 16, few, many))
