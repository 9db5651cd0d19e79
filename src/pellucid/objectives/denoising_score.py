"""The score of clean images with noise of every level, learned by taking the noise away."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pellucid._math.ranks import shared_mean
from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.objectives.base import Objective
from pellucid.restorers.diffusion import Denoiser, parts


class DenoisingScore(Objective[Denoiser]):
    """E λ(σ) |D(x + σ n; σ) − x|², log σ uniform: σ⁴ times the squared error of the score (denoising score matching).

    λ = (σ² + d²) / (σ d)² gives the network, whose target then has unit deviation, the same weight at every level.

    Parameters
    ----------
    first, last
        Largest and smallest σ.

    References
    ----------
    Vincent, "A connection between score matching and denoising autoencoders", Neural Computation 23, 2011. Karras et
    al., NeurIPS 2022.
    """

    def __init__(self, first: float, last: float) -> None:
        super().__init__()
        self.first, self.last = first, last

    def terms(self, model: Denoiser, batch: Measurement, step: Step) -> dict[str, Tensor]:
        """Return the mean over clean images, `batch.y`; the channels of complex ones are (Re, Im)."""
        x = parts(batch.y)
        place = torch.rand(len(x), generator=step.rng, device=x.device)
        sigma = torch.exp(math.log(self.last) + place * math.log(self.first / self.last))
        level = sigma.view(-1, *[1] * (x.ndim - 1))
        noise = torch.randn(x.shape, generator=step.rng, device=x.device, dtype=x.dtype)
        weight = (level.square() + model.deviation**2) / (level * model.deviation).square()
        loss = weight * (model(x + level * noise, sigma) - x).square()
        return {"score": shared_mean(loss.sum(), torch.full_like(loss.sum(), loss.numel()))}
