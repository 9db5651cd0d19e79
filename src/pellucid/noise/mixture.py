"""Gaussian mixtures whose shape depends on the signal: a noise model learned from a calibration."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from pellucid.noise.base import NoiseModel
from pellucid.noise.estimate import photon_transfer_pairs

_FITTED = 2**14  # pairs that are fitted, about: more make it no better by a thousandth of a nat
_SHARPEST = 1 / 16  # of the variance in the dark: what each component's variance is at least


class Mixture(NoiseModel):
    """p(y | z) = Σ_k α_k(z) N(y; z + μ_k(z), v_k(z)), with Σ_k α_k μ_k = 0: the noise has zero mean.

    With t the place of z between `low` and `high`, from 0 to 1, the logits of α, μ_k and v_k are straight lines in t:
    so is the variance that photons and a detector give.

    Parameters
    ----------
    low, high
        The signals between which the lines run; beyond, they stay as they are there.
    units
        Standard deviation of the noise at `low` and at `high`, shape (2,): the coefficients are relative to it.
    coefficients
        Shape (3, components, 2): log α_k, μ_k / units and log (v_k / units²), at `low` and at `high`.
    least_variance
        No v_k is smaller. A variance, not a standard deviation.

    Notes
    -----
    The coefficients are values at the ends of the range where the paper has those of powers of z: two of them span
    the same lines, all of them positive where a variance must be.

    References
    ----------
    Prakash, Lalit, Tomancak, Krull, Jug, "Fully unsupervised probabilistic Noise2Void", ISBI 2020.
    """

    low: Tensor
    high: Tensor
    units: Tensor
    coefficients: Tensor
    least_variance: Tensor

    def __init__(
        self,
        low: float | Tensor,
        high: float | Tensor,
        units: Tensor,
        coefficients: Tensor,
        least_variance: float | Tensor,
    ) -> None:
        super().__init__()
        self.register_buffer("units", units)
        self.register_buffer("coefficients", coefficients)
        for name, value in (("low", low), ("high", high), ("least_variance", least_variance)):
            self.register_buffer(name, torch.as_tensor(value, dtype=units.dtype, device=units.device))

    @classmethod
    def normal(cls, components: int = 3) -> Mixture:
        """Return standard normal noise, as a mixture with so many components."""
        return cls(0.0, 1.0, torch.ones(2), torch.zeros(3, components, 2), 0.0)

    @classmethod
    def fit(cls, signal: Tensor, observed: Tensor, components: int = 3) -> Mixture:
        """Return the mixture under which the recorded values are likeliest, given their signals.

        Parameters
        ----------
        signal, observed
            Noiseless values and what was recorded of them, of one shape.
        components
            Of the mixture.

        Raises
        ------
        InputError
            Where there are fewer than a thousand pairs, or they hold no noise, or one signal only.

        Notes
        -----
        The likelihood is maximised by L-BFGS on about 16,384 pairs, from normal components that are as wide as
        photon transfer says. Least variance: a sixteenth of that in the dark, so that no component can collapse onto
        one grey level.
        """
        z, y = (a.detach().flatten().double().cpu() for a in (signal, observed))
        transfer = photon_transfer_pairs(z.numpy(), y.numpy())
        some = z.argsort()[:: max(1, len(z) // _FITTED)]
        z, y = z[some], y[some]
        low, high = float(z[0]), float(z[-1])
        units = torch.from_numpy(transfer.variance_at(np.array([low, high]))).sqrt()
        spread = torch.linspace(-0.5, 0.5, components, dtype=z.dtype)[:, None].expand(-1, 2)
        start = torch.stack([torch.zeros_like(spread), spread, torch.full_like(spread, -0.2)])

        def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            coefficients = torch.from_numpy(flat).view(start.shape).requires_grad_()
            value = -cls(low, high, units, coefficients, _SHARPEST * transfer.floor).log_prob(y, z).mean()
            (slope,) = torch.autograd.grad(value, coefficients)
            return value.item(), slope.flatten().numpy()

        found = minimize(loss, start.flatten().numpy(), jac=True, method="L-BFGS-B", options={"maxiter": 100})
        best = torch.from_numpy(found.x).view(start.shape)
        fitted = cls(low, high, units, best, _SHARPEST * transfer.floor)
        return fitted.to(signal.device, signal.dtype)

    def log_prob(self, y: Tensor, z: Tensor) -> Tensor:
        """Log density of y given z, entry by entry."""
        log_weight, mean, variance = self._components(z)
        square = (y.unsqueeze(-1) - mean).square() / variance
        return torch.logsumexp(log_weight - 0.5 * (square + variance.log() + math.log(2 * math.pi)), -1)

    def sample(self, z: Tensor, rng: torch.Generator) -> Tensor:
        """Draw y given z."""
        log_weight, mean, variance = (part.detach() for part in self._components(z))
        chance = torch.rand(z.shape, generator=rng, dtype=z.dtype, device=z.device).unsqueeze(-1)
        chosen = (chance > log_weight.exp().cumsum(-1)[..., :-1]).sum(-1, keepdim=True)
        normal = torch.randn(z.shape, generator=rng, dtype=z.dtype, device=z.device)
        drawn = mean.gather(-1, chosen).squeeze(-1) + variance.gather(-1, chosen).squeeze(-1).sqrt() * normal
        return drawn + (z - z.detach())

    def variance(self, z: Tensor) -> Tensor:
        """Return Σ_k α_k (v_k + μ_k²)."""
        log_weight, mean, variance = self._components(z)
        return (log_weight.exp() * (variance + (mean - z.unsqueeze(-1)).square())).sum(-1)

    def rescale(self, offset: float, scale: float) -> Mixture:
        """Return the model of ``(y - offset) / scale``."""
        low, high = ((end - offset) / scale for end in (self.low, self.high))
        return Mixture(low, high, self.units / scale, self.coefficients, self.least_variance / scale**2)

    def _components(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return log α_k, z + μ_k and v_k, the components along a last axis."""
        t = ((z - self.low) / (self.high - self.low)).clamp(0, 1).unsqueeze(-1)
        logit, shift, log_variance = self.coefficients
        log_weight = torch.log_softmax(torch.lerp(logit[:, 0], logit[:, 1], t), -1)
        shift, variance = shift * self.units, log_variance.exp() * self.units.square()
        mean = torch.lerp(shift[:, 0], shift[:, 1], t)
        mean = mean - (log_weight.exp() * mean).sum(-1, keepdim=True)
        variance = torch.lerp(variance[:, 0], variance[:, 1], t).clamp(min=self.least_variance)
        return log_weight, z.unsqueeze(-1) + mean, variance
