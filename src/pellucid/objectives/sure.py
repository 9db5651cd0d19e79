"""Stein's unbiased estimate of the risk: an error without a reference for a restorer that sees every pixel."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pellucid._math.ranks import shared_mean
from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.noise import NoiseModel, Poisson, PoissonGaussian
from pellucid.objectives.base import Objective
from pellucid.restorers.base import Restorer

_TAU = 0.1  # of the noise: the step of the finite difference
_FLOOR = 1e-8  # smallest variance of the noise that a step is made for


class Sure(Objective[Restorer]):
    """L = mean of (F(y) - y)² + 2 s² ∂F_i/∂y_i: the mean squared error plus the noise variance, on average.

    For Gaussian noise of variance s², E (F(y) - y)_i² = E (F(y) - x)_i² + s² - 2 s² E ∂F_i/∂y_i (Stein 1981). The
    slope is found by a finite difference along random signs b, b · (F(y + τ b) - F(y)) / τ (Ramani et al. 2008).

    For Poisson-Gaussian noise of gain γ, E (x F)_i = E (y_i F_i(y - γ e_i) - σ² ∂F_i/∂y_i(y - γ e_i)), y above the
    offset (Le Montagner et al. 2014). To first order in γ that is the same L, with s² = γ y_i + σ².

    Notes
    -----
    Signs are drawn, and squares are counted, only where the batch has weight. So the same sum over pixels that were
    never a training target judges a model.

    What is left out for Poisson-Gaussian noise is γ (γ y_i + 2 σ²) ∂²F_i/∂y_i², nothing where F is linear. Le Montagner
    et al. keep its second part, at the cost of two more passes; that is the smaller one unless the detector's noise
    outweighs the photons'. s² may be negative in the dark, as it must to be right on average. Any other noise counts as
    Gaussian, with the variance that it has where the mean is y.

    References
    ----------
    Stein, "Estimation of the mean of a multivariate normal distribution", Annals of Statistics 9, 1981.
    Ramani, Blu, Unser, "Monte-Carlo SURE", IEEE Transactions on Image Processing 17, 2008.
    Le Montagner, Angelini, Olivo-Marin, "An unbiased risk estimator for image denoising in the presence of mixed
    Poisson-Gaussian noise", IEEE Transactions on Image Processing 23, 2014.
    """

    def terms(self, model: Restorer, batch: Measurement, step: Step) -> dict[str, Tensor]:
        """Return Stein's mean over the entries that have weight."""
        if batch.noise is None:
            raise InputError("Stein's risk needs to know how strong the noise is; no noise model came with the data.")
        weight = torch.ones_like(batch.y) if batch.weight is None else batch.weight.expand_as(batch.y).to(batch.y)
        variance = _unbiased_variance(batch.noise, batch.y)
        signs = torch.randint(0, 2, batch.y.shape, generator=step.rng, device=batch.y.device) * 2 - 1
        tau = _TAU * batch.noise.variance(batch.y).clamp(min=_FLOOR).sqrt()
        push = tau * signs * (weight > 0)
        given = replace(batch, weight=None)
        state = step.rng.get_state()
        with torch.autocast(batch.y.device.type, enabled=False):  # rounding would drown the difference
            image = model(given, step.rng)
            step.rng.set_state(state)
            slope = signs * (model(given.with_y(batch.y + push), step.rng) - image) / tau
        loss = (image - batch.y).square() + 2 * variance * slope
        return {"stein": shared_mean((loss * weight).sum(), weight.sum())}


def _unbiased_variance(noise: NoiseModel, y: Tensor) -> Tensor:
    """Return the variance of the noise at the mean, estimated from y: of photons without bias, so not cut off at 0."""
    if isinstance(noise, Poisson | PoissonGaussian):
        return noise.variance(y) + noise.gain * (y - noise.offset).clamp(max=0)
    return noise.variance(y)
