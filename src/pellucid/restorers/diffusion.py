"""Draws of images from a score: of the prior alone, or of the posterior of any linear measurement."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.restorers.base import PosteriorSampler
from pellucid.restorers.least_squares import linear
from pellucid.solvers import conjugate_gradient, lipschitz
from pellucid.solvers.progress import inner

Guidance = Literal["likelihood", "replacement", "dps"]
Denoised = Callable[[Tensor, float], Tensor]
_LEAST = 0.02  # smallest σ, of the deviation of the images
_EXACT = 10  # iterations that bring an image to the data


class Denoiser(nn.Module):
    r"""D(x; σ) = E[x₀ | x₀ + σ n = x], for every σ: the score of the data with noise is (D(x; σ) − x) / σ² (Tweedie).

    .. math:: D = m + \frac{d^2}{\sigma^2 + d^2} (x - m) + \frac{\sigma d}{\sqrt{\sigma^2 + d^2}}
        F\Bigl(\frac{x - m}{\sqrt{\sigma^2 + d^2}}, \tfrac14 \log\frac{\sigma}{d}\Bigr)

    so that input, output and target of the network F have deviations of order one at all σ, and F = 0 is the best that
    can be done without knowing more than m and d. Units and offset of x change nothing.

    Parameters
    ----------
    network
        F: maps an image and a number for each, (batch, 1), to an image.
    deviation
        d, the standard deviation of the clean images.
    farthest
        Largest distance between two of them.
    mean
        m, of each channel; zero if not given.

    References
    ----------
    Karras, Aittala, Aila, Laine, "Elucidating the design space of diffusion-based generative models", NeurIPS 2022,
    table 1, where m = 0.
    """

    deviation: Tensor
    farthest: Tensor
    mean: Tensor

    def __init__(
        self, network: nn.Module, deviation: float = 1.0, farthest: float = 100.0, mean: Tensor | None = None
    ) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("deviation", torch.tensor(deviation))
        self.register_buffer("farthest", torch.tensor(farthest))
        self.register_buffer("mean", torch.zeros(1) if mean is None else mean)

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Return the mean of x₀ given x, (batch, channel, *space), and σ, (batch,)."""
        sigma, mean = sigma.view(-1, *[1] * (x.ndim - 1)), self.mean.view(-1, *[1] * (x.ndim - 2))
        total, off = sigma.square() + self.deviation**2, x - mean
        number = (sigma / self.deviation).log() / 4
        out: Tensor = self.network(off / total.sqrt(), number.view(-1, 1)).float()
        return mean + self.deviation**2 / total * off + sigma * self.deviation / total.sqrt() * out

    def levels(self, count: int) -> list[float]:
        """Return levels of exploding variance to draw with, from where any image may become any other one."""
        return exploding(count, float(self.farthest), _LEAST * float(self.deviation))


class Diffusion(PosteriorSampler):
    """Draws x from p(x | y) ∝ p(y | x) p(x): noise, taken away level by level, with corrections at each level.

    From σ_i to σ_{i+1} the predictor draws x_{i+1} from q(x_{i+1} | x_i, D). D is that of x_i, led to the middle of the
    step, in log σ, by half of what the last step changed of it: so steps are of second order (Lu et al., 2M of SDEs).
    Not led, as in ancestral sampling, draws lack about half of 1 − (σ_{i+1} / σ_i)² of the variance of the prior.
    Correctors, before it, are steps of Langevin dynamics in the score of what is wanted at this level,

        x ← x + ε g + √(2ε) z,    g = (D(x; σ) − x) / σ² + ∇ log p(y | x).

    Parameters
    ----------
    denoiser
        D(x, σ); of real channels, (Re, Im) for complex images.
    levels
        σ, falling from far above the deviation of the images. A chain of variance-preserving noise,
        x_t = a x₀ + √(1 − a²) n, is this one divided by a, with σ = √(1 − a²) / a: `preserving` returns its levels.
    guidance
        How the data are brought to bear. ``likelihood``: p(y | x) = N(y; Hx, s² + σ²‖H‖²); exact where correctors run
        to stationarity, as σ falls (Jalal et al.). ``replacement``: measured entries are replaced by y + σ H n after
        every step. ``dps``: by the gradient of ‖y − H D(x)‖, through the network, in steps that are not led.
    correctors
        Steps at each level; ``dps`` has none, as published.
    pace
        Of a corrector: ε times the largest curvature. The variance is too large by about half of it, at most.
    strength
        ζ of ``dps``, for images of order one and in the units of y: of the gradient of the norm, as in the published
        code; ∇‖·‖² ζ / ‖·‖, of the paper, is twice as much.
    draws
        How many make the image, and the spread.

    Notes
    -----
    Replacement is not exact: what was not measured is drawn as if it did not know of the measurements but by the
    correctors, and its mean is off where those are few; the noise of what was measured stays. Diffusion posterior
    sampling takes p(y | x_i) = p(y | D(x_i)), and is biased for every strength. Norms are those of each sample: a batch
    changes nothing. Noise counts by its mean variance in each.

    References
    ----------
    Song et al., "Score-based generative modeling through stochastic differential equations", ICLR 2021; Lu, Zhou, Bao,
    Chen, Li, Zhu, "DPM-Solver++: fast solver for guided sampling of diffusion probabilistic models", 2022; Jalal et
    al., "Robust compressed sensing MRI with deep generative priors", NeurIPS 2021; Chung, Ye,
    "Score-based diffusion models for accelerated MRI", Medical Image Analysis 80, 2022; Chung et al., "Diffusion
    posterior sampling for general noisy inverse problems", ICLR 2023.
    """

    whole = True

    def __init__(
        self,
        denoiser: nn.Module,
        levels: Sequence[float],
        *,
        guidance: Guidance = "likelihood",
        correctors: int = 1,
        pace: float = 0.2,
        strength: float = 1.0,
        draws: int = 8,
    ) -> None:
        super().__init__(draws)
        if len(levels) < 2 or any(a <= b for a, b in pairwise(levels)) or levels[-1] <= 0:
            raise InputError("The levels of the noise are two or more, above zero, each lower than the last.")
        if guidance not in get_args(Guidance):
            raise InputError(f"Data guide draws by {', '.join(get_args(Guidance))}, but {guidance!r} came: give one.")
        self.denoiser, self.levels, self.guidance = denoiser, tuple(levels), guidance
        self.correctors = 0 if guidance == "dps" else correctors
        self.pace, self.strength = pace, strength

    def sample(self, shape: Sequence[int], rng: torch.Generator) -> Tensor:
        """Return draws from the prior, of this shape, (count, channel, *space)."""
        return self._drawn(torch.Size(shape), rng, None)

    def draw(self, given: Measurement, rng: torch.Generator) -> Tensor:
        """Return a draw from the posterior, (batch, channel, *space)."""
        first = linear(given).backproject(given.y)
        x = self._drawn(parts(first).shape, rng, given)
        return paired(x) if first.is_complex() else x

    def _drawn(self, shape: torch.Size, rng: torch.Generator, given: Measurement | None) -> Tensor:
        with torch.no_grad():
            target = None if given is None else _Likelihood(given, self.guidance)

            def noise() -> Tensor:
                return torch.randn(shape, generator=rng, device=rng.device)

            middle = self._denoised(torch.zeros(shape, device=rng.device), self.levels[0])  # the mean of the images
            x = left = middle + self.levels[0] * noise()
            for sigma, after, lead in zip(self.levels, (*self.levels[1:], 0.0), self._leads(), strict=True):
                mean = came = self._mean(x, sigma, after, target)
                for _ in range(self.correctors):
                    step = self.pace / self._curvature(sigma, target)
                    x = x + step * (mean - x) / sigma**2 + (2 * step) ** 0.5 * noise()
                    x = target.replaced(x, sigma, noise()) if target is not None else x
                    mean = self._mean(x, sigma, after, target)
                part, z = 1 - (after / sigma) ** 2, noise()
                x = x + part * (mean + lead * (came - left) - x) + after * part**0.5 * z
                x = target.replaced(x, after, z) if target is not None else x
                left = mean
            return x

    def _leads(self) -> list[float]:
        """Return how much of the change in the last step takes the mean to the middle of each step, in log σ."""
        steps = [math.log(a / b) for a, b in pairwise(self.levels)]
        half = 0.0 if self.guidance == "dps" else 0.5
        return [0.0, *(half * b / a for a, b in pairwise(steps)), 0.0]

    def _mean(self, x: Tensor, sigma: float, after: float, target: _Likelihood | None) -> Tensor:
        """Return x + σ² g, where a step takes x to be without noise."""
        if target is not None and self.guidance == "dps":
            mean, gradient = target.through(self._denoised, x, sigma)
            unit = math.sqrt((1 + sigma**2) * (1 + after**2))  # 1 / (a a'), of the chain that preserves variance
            return mean - self.strength * unit / (1 - (after / sigma) ** 2) * gradient
        mean = self._denoised(x, sigma)
        if target is not None and self.guidance == "likelihood":
            mean = mean + sigma**2 * target.gradient(x, sigma)
        return mean

    def _curvature(self, sigma: float, target: _Likelihood | None) -> float | Tensor:
        """Return the largest curvature of what is wanted at a level."""
        if target is None or self.guidance != "likelihood":
            return 1 / sigma**2
        return 1 / sigma**2 + target.norm / target.variance(sigma)

    def _denoised(self, x: Tensor, sigma: float) -> Tensor:
        mean: Tensor = self.denoiser(x, torch.full((len(x),), sigma, device=x.device))
        return mean


class _Likelihood:
    """What a measurement says of an image with noise."""

    def __init__(self, given: Measurement, guidance: Guidance) -> None:
        self.given, self.operator, self.guidance = given, linear(given), guidance
        first = self.operator.adjoint(given.y)
        self.complex = first.is_complex()
        self.norm: Tensor = lipschitz(self.operator.normal, first)
        if given.noise is None and guidance == "likelihood":
            raise InputError("A posterior needs the noise of the measurement, which is not known: give its sigma.")
        variance = torch.zeros_like(given.y) if given.noise is None else given.noise.variance(given.y)
        mean = variance.real.expand(given.y.shape).flatten(1).mean(1).view(-1, *[1] * (first.ndim - 1))
        self.noise = mean / (1 + given.y.is_complex())  # of each part of a complex number

    def variance(self, sigma: float) -> Tensor:
        """Return s² + σ²‖H‖² of each sample."""
        return self.noise + sigma**2 * self.norm

    def gradient(self, x: Tensor, sigma: float) -> Tensor:
        """Return ∇ log N(y; Hx, s² + σ²‖H‖²)."""
        back = self.operator.adjoint(self.given.y - self.operator(self._image(x)))
        return parts(back) / self.variance(sigma)

    def replaced(self, x: Tensor, sigma: float, z: Tensor) -> Tensor:
        """Return the nearest image that explains y + σ H n, where replacement is asked."""
        if self.guidance != "replacement":
            return x
        image, noise = self._image(x), self._image(z)
        missing = self.operator.adjoint(self.given.y + self.operator(sigma * noise - image))
        return x + parts(conjugate_gradient(self.operator.normal, missing, iterations=_EXACT))

    def through(self, denoised: Denoised, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """Return D(x) and the gradient of ‖y − H D(x)‖ of each sample in x."""
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            mean = denoised(x, sigma)
            off = self.given.y - self.operator(self._image(mean))
            square = inner(off, off)
            distance = square.clamp_min(torch.finfo(square.dtype).tiny).sqrt()  # of a perfect fit the gradient is zero
            (gradient,) = torch.autograd.grad(distance.sum(), x)
        return mean.detach(), gradient

    def _image(self, x: Tensor) -> Tensor:
        return paired(x) if self.complex else x


def parts(x: Tensor) -> Tensor:
    """Return the real channels of an image: (Re, Im) of its one channel, where it is complex."""
    return torch.view_as_real(x[:, 0]).movedim(-1, 1) if x.is_complex() else x


def paired(x: Tensor) -> Tensor:
    """Return the complex image, of one channel, whose (Re, Im) these are."""
    return torch.view_as_complex(x.movedim(1, -1).contiguous()).unsqueeze(1)


def exploding(count: int, first: float, last: float) -> list[float]:
    """Return levels in geometric progression (variance exploding; Song et al., equation 30)."""
    return [first * (last / first) ** (k / (count - 1)) for k in range(count)]


def preserving(count: int, least: float = 0.1, most: float = 20.0) -> list[float]:
    """Return √(1 − a²) / a with log a² = −½ t² (β₁ − β₀) − t β₀ (variance preserving; Song et al., equation 33)."""
    times = [1 - k / count for k in range(count)]
    log = [-(t**2) * (most - least) / 2 - t * least for t in times]
    return [(torch.tensor(-a, dtype=torch.float64).expm1().sqrt()).item() for a in log]
