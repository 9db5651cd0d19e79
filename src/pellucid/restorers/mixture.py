"""Two restorers as one."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.restorers.base import Moments, Restorer

_PUSH = 0.1  # of the noise: the step of the finite difference


class Mixture(Moments):
    """x̂ = w F(y) + (1 - w) G(y); where the errors of F and G differ it beats both.

    Parameters
    ----------
    first, second
        F and G, each with a mean and a variance; w is one half until `weigh` is called.

    References
    ----------
    Blu, Luisier, "The SURE-LET approach to image denoising", IEEE Transactions on Image Processing 16, 2007.
    """

    weight: Tensor

    def __init__(self, first: Restorer, second: Restorer) -> None:
        super().__init__()
        self.first, self.second = first, second
        self.register_buffer("weight", torch.tensor(0.5, dtype=torch.float64))

    def explain(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return mean and variance, the variance as if both erred alike: (batch, 2, channel, *space)."""
        a, b = (part.explain(given, rng) for part in (self.first, self.second))
        mean, deviation = torch.lerp(
            torch.stack([b[:, 0], b[:, 1].sqrt()]), torch.stack([a[:, 0], a[:, 1].sqrt()]), self.weight.to(a)
        )
        return torch.stack([mean, deviation.square()], 1)

    @torch.no_grad()
    def weigh(self, data: Measurement) -> None:
        """Find the weight, from 0 to 1, of least Stein risk.

        The mean of (x̂ - y)² + 2 s² ∂x̂/∂y is a parabola in w, with its minimum at

            w = -mean[(F - G) (G - y) + s² (∂F/∂y - ∂G/∂y)] / mean[(F - G)²].

        Parameters
        ----------
        data
            With its noise model; only entries that have weight count. They must never have been a training target.

        Raises
        ------
        InputError
            Where the noise or the weight is not given.
        """
        if data.noise is None or data.weight is None:
            raise InputError("A mixture is weighed where the noise is known, on pixels that were never a target.")
        at = data.weight.expand_as(data.y) > 0
        rng = torch.Generator(data.y.device).manual_seed(0)
        signs = torch.randint(0, 2, data.y.shape, generator=rng, device=data.y.device).to(data.y) * 2 - 1
        variance = data.noise.variance(data.y).expand_as(data.y)
        push = _PUSH * variance.sqrt() * signs * at
        seen = replace(data, weight=None)
        a, b = (part(seen) for part in (self.first, self.second))
        further_a, further_b = (part(seen.with_y(data.y + push)) for part in (self.first, self.second))
        apart, slope = a - b, (further_a - a - further_b + b) / push
        product = (apart * (b - data.y) + variance * slope)[at].double().mean()
        self.weight.copy_((-product / apart[at].double().square().mean()).nan_to_num(0.5).clamp(0, 1))

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the common period of the two."""
        return tuple(map(math.lcm, self.first.stride(dims), self.second.stride(dims)))
