"""Two images with independent noise, made from one by noise that is added."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.data.splits import Split
from pellucid.errors import InputError
from pellucid.noise import Gamma, NoiseModel, Poisson


class Part(NoiseModel):
    """The noise of a part of the data: 1 / part times the variance of the whole, and taken for Gaussian.

    Parameters
    ----------
    whole
        The noise of the data.
    part
        Between 0 and 1.
    """

    def __init__(self, whole: NoiseModel, part: float) -> None:
        super().__init__()
        self.whole, self.part = whole, part

    def variance(self, z: Tensor) -> Tensor:
        """Return the variance of y given z."""
        return self.whole.variance(z) / self.part

    def sample(self, z: Tensor, rng: torch.Generator) -> Tensor:
        """Draw y given z."""
        deviation = self.variance(z).sqrt().detach()
        return z + deviation * torch.randn(z.shape, generator=rng, dtype=z.dtype, device=z.device)

    def log_prob(self, y: Tensor, z: Tensor) -> Tensor:
        """Log density of y given z."""
        variance = self.variance(z)
        return -0.5 * ((y - z).square() / variance + variance.log() + math.log(2 * math.pi))

    def rescale(self, offset: float, scale: float) -> Part:
        """Return the model of ``(y - offset) / scale``."""
        return Part(self.whole.rescale(offset, scale), self.part)


@dataclass(frozen=True)
class Recorruption(Split):
    """Recorrupted-to-Recorrupted: y₁ is given, and y₂ = (y − (1 − α) y₁) / α is held.

    Both have the mean x, and their noise is independent:

        Gaussian    y₁ = y + sqrt(α / (1 − α)) w, w ~ N(0, s²), so that y₂ = y − sqrt((1 − α) / α) w,
        Poisson     y₁ = (y − γ ω) / (1 − α), ω ~ Binomial(y / γ, α), γ the gain,
        Gamma       y₁ = y (1 − β) / (1 − α), β ~ Beta(α k, (1 − α) k), k the looks.

    For the first, Cov(y₁, y₂ | x) = s² − s² = 0. The variance of y₁ is 1 / (1 − α) times that of y, the variance of
    y₂ is 1 / α times that of y.

    Parameters
    ----------
    alpha
        Part of the information that is held; between 0 and 1.

    Notes
    -----
    Any other noise is treated as Gaussian, of the variance that it has where the mean is y. For Poisson-Gaussian noise
    that variance is right on average, since it is a straight line in y, and so y₁ and y₂ are uncorrelated given x (but
    for values below darkness); they are not independent.

    References
    ----------
    Pang, Zheng, Quan, Ji, "Recorrupted-to-Recorrupted: unsupervised deep learning for image denoising", CVPR 2021.
    Monroy, Bacca, Tachella, "Generalized Recorrupted-to-Recorrupted: self-supervised learning beyond Gaussian noise",
    CVPR 2025.
    """

    alpha: float = 0.5

    def __post_init__(self) -> None:
        """Check that something is given, and something held."""
        if not 0 < self.alpha < 1:
            raise InputError(
                f"What re-corruption holds back is a part of the image, between 0 and 1, not {self.alpha}."
            )

    def __call__(self, batch: Measurement, rng: torch.Generator) -> tuple[Measurement, Measurement]:
        """Return (given, held); only what is held keeps the weight, for what is given was seen everywhere."""
        if batch.noise is None:
            raise InputError("Re-corruption adds noise like that of the data; no noise model came with them.")
        first = self._first(batch, rng)
        second = (batch.y - (1 - self.alpha) * first) / self.alpha
        given = replace(batch, y=first, weight=None, noise=Part(batch.noise, 1 - self.alpha))
        return given, replace(batch, y=second, noise=Part(batch.noise, self.alpha))

    def _first(self, batch: Measurement, rng: torch.Generator) -> Tensor:
        """Draw y₁ given y."""
        y, noise, part = batch.y, batch.noise, self.alpha
        if isinstance(noise, Poisson):
            count = ((y - noise.offset) / noise.gain).round()
            dropped = torch.binomial(count.nan_to_num().clamp(min=0), torch.full_like(y, part), generator=rng)
            return noise.offset + noise.gain * (count - dropped) / (1 - part)
        if isinstance(noise, Gamma):
            drawn = [
                torch._standard_gamma((share * noise.looks).to(y).expand_as(y).contiguous(), generator=rng)
                for share in (part, 1 - part)
            ]
            return noise.offset + (y - noise.offset) * (drawn[1] / (drawn[0] + drawn[1]) / (1 - part))
        assert noise is not None
        w = noise.variance(y).sqrt() * torch.randn(y.shape, generator=rng, dtype=y.dtype, device=y.device)
        return y + w * math.sqrt(part / (1 - part))
