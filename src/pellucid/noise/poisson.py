"""Poisson noise: photons that arrive one by one, and a detector that adds nothing."""

from __future__ import annotations

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
        count, rate = (y - self.offset) / self.gain, self._rate(z)
        rate = rate.clamp(min=torch.finfo(rate.dtype).tiny)
        log_mass = count * rate.log() - rate - torch.lgamma(count.clamp(min=0) + 1)
        return torch.where(count < 0, -torch.inf, log_mass)

    def variance(self, z: Tensor) -> Tensor:
        """Return gain (z - offset)."""
        return self.gain**2 * self._rate(z)

    def rescale(self, offset: float, scale: float) -> Poisson:
        """Return the model of ``(y - offset) / scale``."""
        return Poisson(self.gain / scale, (self.offset - offset) / scale)

    def _rate(self, z: Tensor) -> Tensor:
        """Mean number of photons."""
        return ((z - self.offset) / self.gain).clamp(min=0)
