"""F: what turns a measurement into an image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import Tensor, nn

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError


class Restorer(nn.Module, ABC):
    """Turns a measurement (y, H) into an image x_hat.

    Notes
    -----
    A NaN in y makes all that depends on it NaN, as it does in any sum: tiles learn so how far a restorer sees. One
    that computes with parts that swallow NaN marks what these may have touched.
    """

    whole: bool = False
    """Whether it must be given the whole image at once."""

    @abstractmethod
    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the image, shape (batch, channel, *space)."""

    def explain(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return what the objective compares: the image as the only moment, (batch, 1, channel, *space)."""
        image: Tensor = self(given, rng)
        return image.unsqueeze(1)

    def estimate(self, given: Measurement, rng: torch.Generator | None = None) -> tuple[Tensor, Tensor | None]:
        """Return the image and, where there is one, its marginal standard deviation, from one pass."""
        return self(given, rng), None

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the period of the restorer along each of `dims` spatial axes.

        Sizes must be multiples of it, and the image moves with the data only by multiples of it.
        """
        return (1,) * dims


class Moments(Restorer):
    """A restorer that explains the mean of each pixel, and maybe its variance."""

    @abstractmethod
    def explain(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the mean, or mean and variance: (batch, 1 or 2, channel, *space)."""

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the mean, (batch, channel, *space)."""
        return self.explain(given, rng)[:, 0]

    def estimate(self, given: Measurement, rng: torch.Generator | None = None) -> tuple[Tensor, Tensor | None]:
        """Return mean and standard deviation, or the mean alone where no variance is known."""
        moments = self.explain(given, rng)
        return moments[:, 0], moments[:, 1].sqrt() if moments.shape[1] == 2 else None


class PosteriorSampler(Restorer):
    """A restorer that draws images from p(x | y); the image is the mean of the draws, the spread their deviation.

    Parameters
    ----------
    draws
        How many, two or more. Without a generator they follow from a fixed seed.
    """

    def __init__(self, draws: int) -> None:
        super().__init__()
        if draws < 2:
            raise InputError(f"draws must be two or more, for a spread; {draws} is not.")
        self.draws = draws

    @abstractmethod
    def draw(self, given: Measurement, rng: torch.Generator) -> Tensor:
        """Return one draw for each entry of the batch, (batch, channel, *space)."""

    def posterior(self, given: Measurement) -> Callable[[torch.Generator], Tensor]:
        """Return what draws, for many draws of the same data; what these have in common is computed once."""
        return partial(self.draw, given)

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the mean of the draws."""
        return self.estimate(given, rng)[0]

    def explain(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return one draw, (batch, 1, channel, *space)."""
        return self.draw(given, _seeded(given, rng)).unsqueeze(1)

    def estimate(self, given: Measurement, rng: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of the draws."""
        rng, draw = _seeded(given, rng), self.posterior(given)
        return mean_and_spread(draw(rng) for _ in range(self.draws))


def mean_and_spread(draws: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of two or more draws, none of which is kept (Welford 1962).

    Examples
    --------
    >>> mean_and_spread(iter(torch.tensor([[1.0], [2.0], [6.0]])))
    (tensor([3.]), tensor([2.6458]))
    """
    mean, squares, count = torch.zeros(()), torch.zeros(()), 0
    for count, draw in enumerate(draws, 1):
        off = draw - mean
        mean = mean + off / count
        squares = squares + off.abs().square() * ((count - 1) / count)
    return mean, (squares / (count - 1)).sqrt()


def _seeded(given: Measurement, rng: torch.Generator | None) -> torch.Generator:
    return torch.Generator(given.y.device).manual_seed(0) if rng is None else rng
