"""A generative model of images with Gaussian codes, and draws of what may have been measured."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pellucid._math.placed import Random
from pellucid.data.measurement import Measurement
from pellucid.restorers.base import PosteriorSampler

Drawing = Callable[[Random], tuple[Tensor, list[Tensor]]]


class Variational(PosteriorSampler):
    """x = g(z), with q(z | y) for what was measured (survey eq. 19-23).

    A draw is g(z), z ~ q(z | y); the image is the mean of many draws, their deviation its spread.

    Parameters
    ----------
    network
        Its `encode` maps the data, (batch, channel, *space), to what is seen of them; its `decode` this and a generator
        to g(z) of one z ~ q(z | y), and to KL(q ‖ prior) of the entries of each of its codes.
    draws
        How many make the image.
    """

    network: Any

    def __init__(self, network: nn.Module, draws: int) -> None:
        super().__init__(draws)
        self.network = network

    def encoded(self, given: Measurement) -> Drawing:
        """Return what draws an image, with what its codes tell of the data, in nats an entry; they are encoded once."""
        return partial(self.network.decode, self.network.encode(given.y))

    def drawn(self, given: Measurement, rng: Random) -> tuple[Tensor, list[Tensor]]:
        """Return a draw of the image, and what its codes tell of the data."""
        return self.encoded(given)(rng)

    def posterior(self, given: Measurement) -> Callable[[Random], Tensor]:
        """Return what draws an image of the data, which are encoded once."""
        drawn = self.encoded(given)
        return lambda rng: drawn(rng)[0]

    def draw(self, given: Measurement, rng: Random) -> Tensor:
        """Return a draw of the image, (batch, channel, *space)."""
        return self.posterior(given)(rng)

    def estimate(self, given: Measurement, rng: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of the draws; images of a batch are drawn alike, none with another."""
        rng = torch.Generator(given.y.device).manual_seed(0) if rng is None else rng
        start, answers = rng.get_state(), []
        for k in range(len(given.y)):
            rng.set_state(start)
            answers.append(super().estimate(given.with_y(given.y[k : k + 1]), rng))
        means, spreads = zip(*answers, strict=True)
        return torch.cat(means), torch.cat(spreads)

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the stride of the network."""
        return tuple(getattr(self.network, "stride", None) or super().stride(dims))
