"""From the score of noisy data to the mean of what they show: Tweedie's formula and its kin."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.data.measurement import Measurement
from pellucid.data.splits import Grid, mask_of
from pellucid.errors import InputError
from pellucid.noise import Gamma, Poisson, PoissonGaussian
from pellucid.restorers.base import Restorer

Formula = Literal["exact", "exponential"]

_WINDOW = 5  # pixels: the mean over it tells the strength of the noise
_FLOOR = 1e-4  # smallest variance of the noise, in standardised units
_STEEPEST = 3.0  # largest logarithm of a ratio of densities one photon apart
_LEAST = 0.1  # smallest denominator of the formula for Gamma noise
_PACE = 10.0  # of the noise level against the weights, which share a learning rate


class Score(Restorer):
    """R(y) = (F(y) − y) / s²: a network that estimates the score ∇ log p(y) of the data.

    For Gaussian noise of variance s² the network F gives Tweedie's estimate itself, an image, and the noise that the
    score is made of is read from y: so F needs no skip at the top.

    Parameters
    ----------
    model
        F.
    """

    def __init__(self, model: Restorer) -> None:
        super().__init__()
        self.model = model

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the score, (batch, channel, *space), in one over the units of y."""
        image: Tensor = self.model(given, rng)
        return (image - given.y) / variance_around(given)

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the period of the model."""
        return self.model.stride(dims)


class Tweedie(Restorer):
    """The posterior mean E[x | y], for every prior of x, from the score R(y) = ∇ log p(y) of the noisy data.

    With s² the variance of Gaussian noise, γ the gain of Poisson noise, k the looks of Gamma noise, y above the offset:

        Gaussian               x_hat = y + s² R(y)                       is E[x | y],
        Poisson, exact         x_hat = (y + γ) p(y + γ) / p(y)           is E[x | y] (Robbins),
        Poisson, exponential   x_hat = (y + γ / 2) exp(γ R(y))           is near exp E[log x | y],
        Poisson-Gaussian       x_hat = (y + γ + σ² R(y + γ)) p(y + γ) / p(y)   is E[x | y],
        Gamma                  x_hat = k y / (k − 1 − y R(y))            is 1 / E[1 / x | y].

    The exponential formula is that of the paper. It estimates the geometric mean of the posterior, and its formula for
    Gamma noise the harmonic mean: both lie below the mean, the more the wider the posterior is. Where the noise is
    strong, Gaussian noise made by variance stabilisation is the alternative.

    Parameters
    ----------
    score
        R: a restorer that returns the score in the place of the image.
    formula
        For Poisson noise.
    blind
        Whether the strength of Gaussian noise is learned with the score (`variation`); otherwise it is that of the
        noise model.

    Notes
    -----
    The logarithm of the ratio of densities is the integral of R over one photon in that pixel, γ R(y + γ / 2) by the
    midpoint rule; pixels are shifted four apart at once, in 4^dims passes. It may be 3 at most in size, and the
    denominator for Gamma noise is 0.1 at least. Noise of any other kind is treated as Gaussian, with the variance that
    it has at the mean of 5 × 5 pixels.

    References
    ----------
    Efron, "Tweedie's formula and selection bias", Journal of the American Statistical Association 106, 2011.
    Robbins, "An empirical Bayes approach to statistics", Berkeley Symposium on Mathematical Statistics 1956.
    Kim, Ye, "Noise2Score: Tweedie's approach to self-supervised image denoising without clean images", NeurIPS 2021.
    """

    pace: Tensor

    def __init__(self, score: Restorer, formula: Formula = "exact", *, blind: bool = False) -> None:
        super().__init__()
        self.score, self.formula, self.blind = score, formula, blind
        if blind:
            self.pace = nn.Parameter(torch.zeros(()))

    @property
    def level(self) -> Tensor | float:
        """The variance of the noise over that of the noise model."""
        return (_PACE * self.pace).exp() if self.blind else 1.0

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the image, (batch, channel, *space)."""
        y, noise = given.y, given.noise
        if isinstance(noise, Poisson | PoissonGaussian):
            return self._photons(given, noise, rng)
        slope: Tensor = self.score(given, rng)
        if isinstance(noise, Gamma):
            above, k = y - noise.offset, noise.looks
            return noise.offset + k * above / (k - 1 - above * slope).clamp(min=_LEAST)
        return y + self.level * variance_around(given) * slope

    def _photons(self, given: Measurement, noise: Poisson | PoissonGaussian, rng: torch.Generator | None) -> Tensor:
        """Return the image where the noise is that of photons."""
        above, gain = given.y - noise.offset, noise.gain
        if self.formula == "exponential":
            return noise.offset + (above + gain / 2) * _ratio(gain * self.score(given, rng))
        photons = above + gain
        if isinstance(noise, PoissonGaussian):
            photons = photons + noise.sigma**2 * self._ahead(given, gain, rng)
        return noise.offset + photons * _ratio(gain * self._ahead(given, gain / 2, rng))

    def _ahead(self, given: Measurement, shift: Tensor, rng: torch.Generator | None) -> Tensor:
        """Return the score of every pixel where its own value is larger by `shift`."""
        found = torch.zeros_like(given.y)
        for places in Grid(4).classes(given.y):
            here = mask_of(places, given.y)
            found = torch.where(here, self.score(given.with_y(given.y + shift * here), rng), found)
        return found

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the period of the score."""
        return self.score.stride(dims)


def _ratio(logarithm: Tensor) -> Tensor:
    """Return the ratio of two densities."""
    return logarithm.clamp(-_STEEPEST, _STEEPEST).exp()


def variance_around(given: Measurement) -> Tensor:
    """Return the variance of the noise at the mean of the 5 × 5 pixels around each one."""
    if given.noise is None:
        raise InputError("A score becomes an image where the noise is known; no noise model came with the data.")
    pool = F.avg_pool2d if given.y.ndim == 4 else F.avg_pool3d
    around = pool(given.y, _WINDOW, 1, _WINDOW // 2, count_include_pad=False)
    return given.noise.variance(around).clamp(min=_FLOOR)
