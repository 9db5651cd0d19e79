"""What draws images of its own, as a generative model has learned them."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class Generator(nn.Module, ABC):
    """A distribution of images, x ~ p_θ, known by its draws."""

    @abstractmethod
    def sample(self, count: int, rng: torch.Generator) -> Tensor:
        """Return independent draws, (count, channel, *space), differentiable in θ; one if all are alike."""


class Pushforward(Generator):
    """x = g(z), z ~ N(0, 1): what a network makes of Gaussian codes (survey eq. 27).

    Parameters
    ----------
    network
        g: maps (batch, code) to (batch, channel, *space).
    code
        Length of z.
    """

    def __init__(self, network: nn.Module, code: int) -> None:
        super().__init__()
        self.network, self.code = network, code

    def sample(self, count: int, rng: torch.Generator) -> Tensor:
        """Return independent draws on the device of the generator, (count, channel, *space)."""
        x: Tensor = self.network(torch.randn(count, self.code, generator=rng, device=rng.device))
        return x
