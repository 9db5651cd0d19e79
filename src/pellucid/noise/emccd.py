"""Noise of an electron-multiplying camera: photons, a random amplification, and what the electronics add."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pellucid.noise.base import NoiseModel, parameter

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(160)


class EMCCD(NoiseModel):
    """y = offset + x + sigma n, with x ~ Gamma(k, gain), k ~ Poisson((z - offset) / gain) and n standard normal.

    The random amplification doubles the variance of the photons: 2 gain (z - offset) + sigma². A camera without it is
    `PoissonGaussian`.

    Parameters
    ----------
    gain
        Mean grey levels a photon that was detected, the multiplication included; positive.
    offset
        Grey level of darkness.
    sigma
        Standard deviation of what the electronics add, in grey levels; positive.

    Notes
    -----
    A mean below `offset` counts as darkness. The register is long enough for its output to be Gamma distributed.

    References
    ----------
    Basden, Haniff, Mackay, "Photon counting strategies with low-light-level CCDs", Monthly Notices of the Royal
    Astronomical Society 345 (2003), equation 1.
    Hirsch, Wareham, Martin-Fernandez, Hobson, Rolfe, "A stochastic model for electron multiplication charge-coupled
    devices", PLoS ONE 8 (2013).
    """

    gain: Tensor
    offset: Tensor
    sigma: Tensor

    def __init__(self, gain: float | Tensor, offset: float | Tensor, sigma: float | Tensor) -> None:
        super().__init__()
        self.register_buffer("gain", parameter("gain", gain, positive=True))
        self.register_buffer("offset", parameter("offset", offset))
        self.register_buffer("sigma", parameter("sigma", sigma, positive=True))

    def sample(self, z: Tensor, rng: torch.Generator) -> Tensor:
        """Draw y given z."""
        count = torch.poisson(self._rate(z.detach()), generator=rng)
        electrons = torch.where(count > 0, torch._standard_gamma(count.clamp(min=1), generator=rng), 0)
        noise = self.sigma * torch.randn(z.shape, generator=rng, dtype=z.dtype, device=z.device)
        return (self.gain * electrons + self.offset + noise) + (z - z.detach())

    def log_prob(self, y: Tensor, z: Tensor) -> Tensor:
        """Log density of y given z: that of no photon, and the integral over what the register gives for more.

        p(y) = exp(-r) N(u) + ∫ p(x) N(u - x) dx with u = y - offset, r = (z - offset) / gain, and

            p(x) = r exp(-(sqrt(r) - sqrt(x))²) 2 i1e(w) / w,    w = 2 sqrt(r x),

        x in units of the gain and i1e the scaled Bessel function.

        Notes
        -----
        Gauss-Legendre quadrature where neither factor is negligible. Memory is 160 values an entry.
        """
        rate, s = self._rate(z).clamp(min=1e-6).unsqueeze(-1), self.sigma / self.gain
        u = ((y - self.offset) / self.gain).unsqueeze(-1)
        nodes, weights = (torch.from_numpy(a).to(u.device, u.dtype, non_blocking=True) for a in (_NODES, _WEIGHTS))
        with torch.no_grad():
            reach = 9 * (2 * rate).sqrt() + 30
            low = torch.maximum(u - 9 * s, rate - reach).clamp(min=0)
            half = ((torch.minimum(u + 9 * s, rate + reach) - low) / 2).clamp(min=0)
            x = low + half * (1 + nodes)
        w = 2 * (rate * x).sqrt().clamp(min=1e-10)
        log_register = rate.log() - (rate.sqrt() - x.sqrt()) ** 2 + (2 * torch.special.i1e(w) / w).log()
        log_terms = log_register - 0.5 * ((u - x) / s) ** 2 + (weights * half).clamp(min=1e-30).log()
        none = -rate.squeeze(-1) - 0.5 * (u.squeeze(-1) / s) ** 2
        return torch.logaddexp(none, torch.logsumexp(log_terms, -1)) - self.sigma.log() - 0.5 * math.log(2 * math.pi)

    def variance(self, z: Tensor) -> Tensor:
        """Return 2 gain (z - offset) + sigma²."""
        return 2 * self.gain**2 * self._rate(z) + self.sigma**2

    def rescale(self, offset: float, scale: float) -> EMCCD:
        """Return the model of ``(y - offset) / scale``."""
        return EMCCD(self.gain / scale, (self.offset - offset) / scale, self.sigma / scale)

    def _rate(self, z: Tensor) -> Tensor:
        """Mean number of photons."""
        return ((z - self.offset) / self.gain).clamp(min=0)
