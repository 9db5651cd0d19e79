"""Two restorers as one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.restorers.base import Moments, Restorer

Sparse = Callable[[Sequence[Tensor]], Restorer]

_PUSH = 0.1  # of the noise: the step of the finite difference


class Mixture(Moments):
    """x̂ = w F(y) + (1 - w) G(y); where the errors of F and G differ it beats both.

    Parameters
    ----------
    first, second
        F and G, each with a mean and a variance; w is one half until `weigh` is called.
    sparse
        Returns what answers as F does at given places only, for less work; see `at`.

    References
    ----------
    Blu, Luisier, "The SURE-LET approach to image denoising", IEEE Transactions on Image Processing 16, 2007.
    """

    weight: Tensor

    def __init__(self, first: Restorer, second: Restorer, sparse: Sparse | None = None) -> None:
        super().__init__()
        self.first, self.second, self.sparse = first, second, sparse
        self.register_buffer("weight", torch.tensor(0.5, dtype=torch.float64))

    def explain(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return mean and variance, the variance as if both erred alike: (batch, 2, channel, *space)."""
        a, b = (part.explain(given, rng) for part in (self.first, self.second))
        mean, deviation = torch.lerp(
            torch.stack([b[:, 0], b[:, 1].sqrt()]), torch.stack([a[:, 0], a[:, 1].sqrt()]), self.weight.to(a)
        )
        return torch.stack([mean, deviation.square()], 1)

    def at(self, places: Sequence[Tensor]) -> Mixture:
        """Return the mixture for whom only the answers at a few pixels count.

        Parameters
        ----------
        places
            Sets of flat places, (batch, channel, count).
        """
        if self.sparse is None:
            return self
        mixture = Mixture(self.sparse(places), self.second)
        mixture.weight, mixture.whole = self.weight, True
        return mixture

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
        rng = torch.Generator(data.y.device).manual_seed(0)
        product, square = (torch.zeros((), dtype=torch.float64, device=data.y.device) for _ in range(2))
        for i in range(len(data.y)):
            y, at = data.y[i : i + 1], (data.weight.expand_as(data.y) > 0)[i : i + 1]
            places = torch.stack([channel.nonzero()[:, 0] for channel in at[0].flatten(1)])[None]
            signs = torch.randint(0, 2, y.shape, generator=rng, device=y.device).to(y) * 2 - 1
            variance = data.noise.variance(y).expand_as(y)
            push = _PUSH * variance.sqrt() * signs * at
            asked, seen = self.at([places]), replace(data, y=y, weight=None, operator=data.operator[i])
            a, b = (part(seen) for part in (asked.first, asked.second))
            further_a, further_b = (part(seen.with_y(y + push)) for part in (asked.first, asked.second))
            apart, slope = a - b, (further_a - a - further_b + b) / push
            product += (apart * (b - y) + variance * slope)[at].double().sum()
            square += apart[at].double().square().sum()
        self.weight.copy_((-product / square).nan_to_num(0.5).clamp(0, 1))

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the common period of the two."""
        return tuple(map(math.lcm, self.first.stride(dims), self.second.stride(dims)))
