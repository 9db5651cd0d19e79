"""Poisson-Gaussian noise: photons, and a detector that adds its own."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pellucid.noise.base import NoiseModel, parameter
from pellucid.noise.poisson import log_mass

_STEPS_A_DEVIATION = 4  # the sum over photons takes at least this many terms a standard deviation
_DARKEST = 1e-6  # photons, of what is dark: so that no recorded value is impossible
_REACH = 7  # and reaches this many standard deviations on both sides


class PoissonGaussian(NoiseModel):
    """y = gain k + offset + sigma n, with k ~ Poisson((z - offset) / gain) and n standard normal.

    The variance is a straight line in the mean, gain (z - offset) + sigma². Entries are independent.

    Parameters
    ----------
    gain
        Grey levels a photon; positive (use `Gaussian` where it is zero).
    offset
        Grey level of darkness.
    sigma
        Standard deviation of what the detector adds, in grey levels; positive (use `Poisson` where it
        is zero).

    Notes
    -----
    A mean below `offset` counts as darkness.

    References
    ----------
    Foi, Trimeche, Katkovnik, Egiazarian, "Practical Poissonian-Gaussian noise modeling and fitting for
    single-image raw-data", IEEE Transactions on Image Processing 17 (2008), equation 2.
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
        noise = self.sigma * torch.randn(z.shape, generator=rng, dtype=z.dtype, device=z.device)
        return (self.gain * count + self.offset + noise) + (z - z.detach())

    def log_prob(self, y: Tensor, z: Tensor) -> Tensor:
        """Log density of y given z: the sum over the number of photons k of Poisson(k) Normal(y; k).

        Notes
        -----
        The terms are summed around the likeliest k. Where they are many (their standard deviation w above 4)
        only every (w / 4)-th is taken: they sample a function so smooth that the trapezoidal rule loses
        nothing. Memory is 57 values an entry.
        """
        rate, s = self._rate(z), self.sigma / self.gain
        u = (y - self.offset) / self.gain
        with torch.no_grad():
            k, stride = self._likeliest(u, rate, s)
            steps = torch.arange(-_REACH * _STEPS_A_DEVIATION, _REACH * _STEPS_A_DEVIATION + 1, device=u.device)
            k, stride = k.unsqueeze(-1) + stride.unsqueeze(-1) * steps, stride.unsqueeze(-1)
        u, rate = u.unsqueeze(-1), rate.unsqueeze(-1)
        log_terms = log_mass(k, rate) - 0.5 * ((u - k) / s) ** 2 + stride.log()
        return torch.logsumexp(log_terms, -1) - self.sigma.log() - 0.5 * math.log(2 * math.pi)

    @staticmethod
    def _likeliest(u: Tensor, rate: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        """Return the likeliest number of photons given y and z, rounded, and the stride of the sum.

        Newton's iteration for log k in k + s² log(k / rate) = u, a convex equation, from the right.
        """
        rate = rate.clamp(min=1e-6)
        k = torch.maximum(u, rate).clamp(min=0.5)
        for _ in range(10):
            k = k * torch.exp(-(k + s**2 * (k / rate).log() - u) / (k + s**2))
        deviation = (k * s**2 / (k + s**2)).sqrt()
        return k.round(), (deviation / _STEPS_A_DEVIATION).clamp(min=1)

    def variance(self, z: Tensor) -> Tensor:
        """Return gain (z - offset) + sigma²."""
        return self.gain**2 * self._rate(z) + self.sigma**2

    def rescale(self, offset: float, scale: float) -> PoissonGaussian:
        """Return the model of ``(y - offset) / scale``."""
        return PoissonGaussian(self.gain / scale, (self.offset - offset) / scale, self.sigma / scale)

    def _rate(self, z: Tensor) -> Tensor:
        """Mean number of photons."""
        return ((z - self.offset) / self.gain).clamp(min=_DARKEST)
