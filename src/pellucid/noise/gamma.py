"""Gamma noise: the speckle of coherent light and sound, as strong as the signal."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.noise.base import NoiseModel, parameter


class Gamma(NoiseModel):
    """y = offset + (z - offset) n, with n ~ Gamma(looks, 1 / looks): mean one, variance one over the looks.

    The intensity of fully developed speckle is exponential, which is one look; the mean of L independent ones has L.

    Parameters
    ----------
    looks
        Over how many independent speckle patterns was averaged; positive, not necessarily whole.
    offset
        Grey level of darkness.

    Notes
    -----
    A mean at `offset` or below counts as a millionth above it.

    References
    ----------
    Goodman, "Speckle Phenomena in Optics" (2007), section 3.2 and 3.3.
    """

    looks: Tensor
    offset: Tensor

    def __init__(self, looks: float | Tensor, offset: float | Tensor = 0.0) -> None:
        super().__init__()
        self.register_buffer("looks", parameter("number of looks", looks, positive=True))
        self.register_buffer("offset", parameter("offset", offset))

    def sample(self, z: Tensor, rng: torch.Generator) -> Tensor:
        """Draw y given z."""
        looks = self.looks.to(z.dtype).expand_as(z)
        return self.offset + (z - self.offset) * torch._standard_gamma(looks, generator=rng) / looks

    def log_prob(self, y: Tensor, z: Tensor) -> Tensor:
        """Log density of y given z, entry by entry; -inf below the offset."""
        mean, above = (z - self.offset).clamp(min=1e-6), y - self.offset
        u = above.clamp(min=1e-30)
        rate = self.looks / mean
        inside = self.looks * rate.log() + (self.looks - 1) * u.log() - rate * u - torch.lgamma(self.looks)
        return torch.where(above > 0, inside, -torch.inf)

    def variance(self, z: Tensor) -> Tensor:
        """Return (z - offset)² / looks."""
        return (z - self.offset) ** 2 / self.looks

    def rescale(self, offset: float, scale: float) -> Gamma:
        """Return the model of ``(y - offset) / scale``."""
        return Gamma(self.looks, (self.offset - offset) / scale)
