"""Rician noise: the magnitude of a complex value with Gaussian noise, as in magnetic resonance images."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pellucid.noise.base import NoiseModel, parameter


class Rician(NoiseModel):
    """y = offset + |z - offset + sigma (n + i m)|, with n and m standard normal.

    Parameters
    ----------
    sigma
        Standard deviation of the real and of the imaginary part, in the units of y; positive.
    offset
        What a magnitude of zero is recorded as: zero, until units change.

    Notes
    -----
    The noise is biased: the mean of y is not z but `mean(z)`, 1.25 sigma where nothing is and z + sigma² / 2 z where
    the signal is strong. So the gradient of the mean draw in z is the slope of `mean`, and not one: zero in darkness,
    since a magnitude does not tell the sign of z, and one far above sigma. What is fitted to y by least squares
    estimates `mean(z)`; what maximises `log_prob` estimates z.

    References
    ----------
    Gudbjartsson, Patz, "The Rician distribution of noisy MRI data", Magnetic Resonance in Medicine 34 (1995),
    equations 1 to 3.
    """

    sigma: Tensor
    offset: Tensor

    def __init__(self, sigma: float | Tensor, offset: float | Tensor = 0.0) -> None:
        super().__init__()
        self.register_buffer("sigma", parameter("sigma", sigma, positive=True))
        self.register_buffer("offset", parameter("offset", offset))

    def sample(self, z: Tensor, rng: torch.Generator) -> Tensor:
        """Draw y given z."""
        n, m = torch.randn((2, *z.shape), generator=rng, dtype=z.dtype, device=z.device) * self.sigma
        return self.offset + torch.hypot(z - self.offset + n, m)

    def log_prob(self, y: Tensor, z: Tensor) -> Tensor:
        """Log density of y given z, entry by entry; -inf below the offset."""
        u, a = (y - self.offset) / self.sigma, (z - self.offset).abs() / self.sigma
        inside = u.clamp(min=1e-30)
        density = inside.log() - 0.5 * (inside - a) ** 2 + torch.special.i0e(inside * a).log() - self.sigma.log()
        return torch.where(u > 0, density, -torch.inf)

    def mean(self, z: Tensor) -> Tensor:
        """Mean of y given z: offset + sigma sqrt(π / 2) L(-a² / 2 sigma²), L the Laguerre function of order 1/2."""
        q = ((z - self.offset) / self.sigma) ** 2 / 4
        laguerre: Tensor = (1 + 2 * q) * torch.special.i0e(q) + 2 * q * torch.special.i1e(q)
        return self.offset + self.sigma * math.sqrt(math.pi / 2) * laguerre

    def variance(self, z: Tensor) -> Tensor:
        """Return 2 sigma² + a² - (mean - offset)², with a = z - offset."""
        return 2 * self.sigma**2 + (z - self.offset) ** 2 - (self.mean(z) - self.offset) ** 2

    def rescale(self, offset: float, scale: float) -> Rician:
        """Return the model of ``(y - offset) / scale``."""
        return Rician(self.sigma / scale, (self.offset - offset) / scale)
