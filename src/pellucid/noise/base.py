"""N: how a noiseless value becomes a recorded one."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from pellucid.errors import InputError


class NoiseModel(nn.Module, ABC):
    """The density p(y | z) of a recorded value y given the noiseless value z."""

    @abstractmethod
    def sample(self, z: Tensor, rng: torch.Generator) -> Tensor:
        """Draw y given z; the mean gradient of the draws in z is that of `mean`.

        How z changes the spread of counted photons has no gradient: a critic does not teach by it.
        """

    @abstractmethod
    def log_prob(self, y: Tensor, z: Tensor) -> Tensor:
        """Log density of y given z, entry by entry; normalised over y."""

    def mean(self, z: Tensor) -> Tensor:
        """Mean of y given z, entry by entry: z itself, but for noise that is biased."""
        return z

    @abstractmethod
    def variance(self, z: Tensor) -> Tensor:
        """Variance of y given z, entry by entry."""

    @abstractmethod
    def rescale(self, offset: float, scale: float) -> NoiseModel:
        """Return the model of ``(y - offset) / scale`` given ``(z - offset) / scale``."""


def parameter(name: str, value: float | Tensor, *, positive: bool = False) -> Tensor:
    """Return a parameter of a noise model as a floating point tensor, checked; a number in the default precision."""
    tensor = value if isinstance(value, Tensor) else torch.as_tensor(float(value))
    tensor = tensor if tensor.is_floating_point() else tensor.to(torch.get_default_dtype())
    if not bool(torch.isfinite(tensor).all()) or (positive and not bool((tensor > 0).all())):
        raise InputError(
            f"The {name} of a noise model must be a finite{' positive' * positive} number, but is {value}."
        )
    return tensor
