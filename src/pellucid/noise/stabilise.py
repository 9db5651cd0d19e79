"""Variance stabilisation: noise of known, signal-dependent strength becomes noise of strength one."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.special import gammaln, xlogy
from torch import Tensor, nn

from pellucid.noise.gaussian import Gaussian
from pellucid.noise.poisson import Poisson
from pellucid.noise.poisson_gaussian import PoissonGaussian

Array = NDArray[np.float64]

_ROWS = 1024  # length of the table of the unbiased inverse
_LAST_ROOT = 32.0  # square root of the largest number of photons in it; beyond, the bias is a quarter photon


class Stabiliser(nn.Module):
    """The generalised Anscombe transform and its exact unbiased inverse.

    With v = y - offset and V₀ = 3/8 gain² + sigma²,

        f(y) = 2 v / (sqrt(gain v + V₀) + sqrt(V₀)),

    which is the transform of the paper, (2 / gain) sqrt(gain v + V₀), shifted to be zero at `offset`. In this
    form it also serves Gaussian noise (gain zero), where it is y / sigma. The inverse maps E[f(y) | z] to z,
    not f(z) to z: a denoiser of f(y) estimates the former.

    Parameters
    ----------
    noise
        The noise of y.

    Notes
    -----
    The expectation is tabulated numerically, up to 1024 photons; beyond, the inverse is the algebraic one
    plus the last entry, a quarter of a photon. Below E[f(y) | z = offset] the inverse goes on as a
    straight line.

    References
    ----------
    Mäkitalo, Foi, "Optimal inversion of the generalized Anscombe transformation for Poisson-Gaussian noise",
    IEEE Transactions on Image Processing 22 (2013), equations 1 and 5.

    Examples
    --------
    >>> f = Stabiliser(Gaussian(2.0))
    >>> f(torch.tensor([4.0])).item(), f.inverse(torch.tensor([2.0])).item()
    (2.0, 4.0)
    """

    gain: Tensor
    offset: Tensor
    floor: Tensor
    lowest: Tensor
    step: Tensor
    bias: Tensor
    variance: Tensor

    def __init__(self, noise: Gaussian | Poisson | PoissonGaussian) -> None:
        super().__init__()
        gain, offset, sigma = (float(getattr(noise, name, 0.0)) for name in ("gain", "offset", "sigma"))
        at, bias, variance = _tables(sigma / gain) if gain else (np.arange(2.0), np.zeros(2), np.ones(2))
        values = {
            "gain": gain,
            "offset": offset,
            "floor": np.sqrt(0.375 * gain**2 + sigma**2),
            "lowest": at[0],
            "step": at[1] - at[0],
            "bias": gain * bias,
            "variance": variance,
        }
        for name, value in values.items():
            self.register_buffer(name, torch.as_tensor(value, dtype=torch.get_default_dtype()))

    def forward(self, y: Tensor) -> Tensor:
        """Return f(y): the noise has a standard deviation of one, above about two photons."""
        v = torch.maximum(y - self.offset, -(self.floor**2) / self.gain)
        return 2 * v / ((self.gain * v + self.floor**2).clamp(min=0).sqrt() + self.floor)

    def inverse(self, d: Tensor) -> Tensor:
        """Return the z with E[f(y) | z] = d."""
        inside = d.clamp(min=self.lowest)
        slope = self.floor + self.gain * self.lowest / 2 + (self.bias[1] - self.bias[0]) / self.step
        algebraic = inside * self.floor + self.gain * inside**2 / 4
        return self.offset + algebraic + self._look_up(self.bias, inside) + slope * (d - inside)

    def deviation(self, d: Tensor) -> Tensor:
        """Return the standard deviation of f(y) where E[f(y) | z] = d: one, but less below two photons."""
        return self._look_up(self.variance, d.clamp(min=self.lowest)).sqrt()

    def _look_up(self, table: Tensor, d: Tensor) -> Tensor:
        """Interpolate a table, which goes on as its last value; NaN stays NaN."""
        place = ((d - self.lowest) / self.step).clamp(max=len(table) - 1)
        left = place.detach().nan_to_num().long().clamp(max=len(table) - 2)
        return table[left] + (table[left + 1] - table[left]) * (place - left)


def _tables(s: float) -> tuple[Array, Array, Array]:
    """Tabulate how far the algebraic inverse lies below the unbiased one, in photons, and the variance of f(y).

    Parameters
    ----------
    s
        Gaussian standard deviation, in photons.

    Returns
    -------
    d, bias, variance
        Equally spaced values of E[f(y) | z]; z minus the algebraic inverse and the variance of f(y) there.
    """
    rate = np.linspace(0.0, _LAST_ROOT, _ROWS // 4) ** 2
    d, variance = np.array([_moments(r, s) for r in rate]).T
    bias = rate - (d * np.sqrt(0.375 + s**2) + d**2 / 4)
    even = np.linspace(d[0], d[-1], _ROWS)
    return even, PchipInterpolator(d, bias)(even), PchipInterpolator(d, variance)(even)


def _moments(rate: float, s: float) -> tuple[float, float]:
    """Return mean and variance of f(k + s n), k ~ Poisson(rate), n standard normal, by sums over k and n."""
    stride = max(1.0, np.sqrt(rate) / 4)
    k = np.round(rate) + stride * np.arange(-48, 49)
    k = k[k >= 0]
    n = np.linspace(-8, 8, 257)
    mass_k, mass_n = np.exp(xlogy(k, rate) - rate - gammaln(k + 1)), np.exp(-0.5 * n**2)
    mass_k, mass_n = mass_k / mass_k.sum(), mass_n / mass_n.sum()
    v0 = 0.375 + s**2
    w = np.maximum(k[:, None] + s * n + v0, 0.0)
    f = 2 * (w - v0) / (np.sqrt(w) + np.sqrt(v0))
    mean = mass_k @ f @ mass_n
    return mean, mass_k @ (f - mean) ** 2 @ mass_n
