"""The score of clean images with noise of every level, learned by taking the noise away."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid._math.ranks import shared_mean
from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.objectives.base import Objective
from pellucid.restorers.diffusion import Denoiser, parts


class DenoisingScore(Objective[Denoiser]):
    """E λ(σ) |D(x + σ n; σ) − x|², log(σ / d) ~ N(m, s²): σ⁴ times the squared error of the score.

    λ = (σ² + d²) / (σ d)² gives the network, whose target then has unit deviation, the same weight at every level.
    What is learned of far larger or smaller σ is little: the mean of the images, or nothing to take away.

    Parameters
    ----------
    mean, spread
        m and s. Without spread one level is learned: that is supervised denoising.

    Notes
    -----
    Noise that preserves the variance, x_t = a x + √(1 − a²) n, is learned with: with σ = √(1 − a²) / a its score is
    (a D(x_t / a; σ) − x_t) / (1 − a²), and |√(1 − a²) s(x_t) + n|² = |D − x|² / σ². The levels within a batch are
    stratified: each quantile has one. They spread less than the published ones, s = 1.2, so that the middle levels are
    learned sooner, and the extreme ones later.

    References
    ----------
    Vincent, "A connection between score matching and denoising autoencoders", Neural Computation 23, 2011. Karras et
    al., NeurIPS 2022, table 1, where m = −0.5 and s = 1.2. Kingma, Salimans, Poole, Ho, "Variational diffusion models",
    NeurIPS 2021, appendix I.1.
    """

    def __init__(self, mean: float = -0.5, spread: float = 0.9) -> None:
        super().__init__()
        self.mean, self.spread = mean, spread

    def terms(self, model: Denoiser, batch: Measurement, step: Step) -> dict[str, Tensor]:
        """Return the mean over clean images, `batch.y`; the channels of complex ones are (Re, Im)."""
        x = parts(batch.y)
        sigma = model.deviation * (self.mean + self.spread * self._normal(len(x), step.rng)).exp()
        level = sigma.view(-1, *[1] * (x.ndim - 1))
        noise = torch.randn(x.shape, generator=step.rng, device=x.device, dtype=x.dtype)
        weight = (level.square() + model.deviation**2) / (level * model.deviation).square()
        loss = weight * (model(x + level * noise, sigma) - x).square()
        return {"score": shared_mean(loss.sum(), torch.full_like(loss.sum(), loss.numel()))}

    @staticmethod
    def _normal(count: int, rng: torch.Generator) -> Tensor:
        """Return draws of N(0, 1), one from each of as many parts of equal probability."""
        place = torch.arange(count, device=rng.device) + torch.rand(count, generator=rng, device=rng.device)
        normal: Tensor = torch.special.ndtri((place / count).clamp(1e-6, 1 - 1e-6))
        return normal
