"""N: how a noiseless value becomes a recorded one."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class NoiseModel(nn.Module, ABC):
    """The density p(y | z) of a recorded value y given the noiseless value z."""

    @abstractmethod
    def sample(self, z: Tensor, rng: torch.Generator) -> Tensor:
        """Draw y given z, reparameterised: the gradient of the mean of y in z is one."""

    @abstractmethod
    def log_prob(self, y: Tensor, z: Tensor) -> Tensor:
        """Log density of y given z, entry by entry; normalised over y."""

    @abstractmethod
    def variance(self, z: Tensor) -> Tensor:
        """Variance of y given z, entry by entry."""

    @abstractmethod
    def rescale(self, offset: float, scale: float) -> NoiseModel:
        """Return the model of ``(y - offset) / scale`` given ``(z - offset) / scale``."""
