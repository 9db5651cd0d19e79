"""What is known of an image before it is measured: R(x), and its proximal map."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.errors import InputError

_NEWTON = 20  # steps of Newton's method: quadratic, so many times what it needs


class Prior(ABC):
    """A function R of an image with a proximal map."""

    @abstractmethod
    def value(self, x: Tensor) -> Tensor:
        """Return R of each sample of x, (batch, channel, *space), as (batch,)."""

    @abstractmethod
    def prox(self, v: Tensor, strength: Tensor) -> Tensor:
        """Return argmin_x ½‖x − v‖² + strength · R(x).

        Parameters
        ----------
        v
            Shape (batch, channel, *space), real or complex.
        strength
            Real, not negative, (batch or 1, 1, ..., 1) or without axes.
        """


@dataclass(frozen=True)
class Tikhonov(Prior):
    """R(x) = ½‖x‖²."""

    def value(self, x: Tensor) -> Tensor:
        """Return ½‖x‖²."""
        return 0.5 * total(x.abs().square())

    def prox(self, v: Tensor, strength: Tensor) -> Tensor:
        """Return v / (1 + strength)."""
        return v / (1 + strength)


@dataclass(frozen=True)
class Entropy(Prior):
    """R(x) = Σ x log(x / m) − x + m over x >= 0: least where x is the level m, infinite below zero.

    Parameters
    ----------
    level
        m, positive.

    References
    ----------
    Skilling, Bryan, "Maximum entropy image reconstruction: general algorithm", 1984.
    """

    level: float

    def __post_init__(self) -> None:
        """Check the level."""
        if not self.level > 0:
            raise InputError(f"Entropy is measured from a positive level, but {self.level} was given.")

    def value(self, x: Tensor) -> Tensor:
        """Return the entropy relative to the level, negated."""
        inside = torch.xlogy(x, x / self.level) - x + self.level
        return total(torch.where(x < 0, torch.inf, inside))

    def prox(self, v: Tensor, strength: Tensor) -> Tensor:
        """Return the root x of x + strength · log(x / m) = v.

        In t = log(x / m) the function m exp(t) + strength · t − v is convex and rises, so that Newton's method
        descends to its root from the right, where it starts.
        """
        t = (v / self.level).clamp(min=1).log()
        for _ in range(_NEWTON):
            x = self.level * t.exp()
            t = t - (x + strength * t - v) / (x + strength)
        return self.level * t.exp()


@dataclass(frozen=True)
class Box(Prior):
    """R(x) = 0 where low <= x <= high, infinite elsewhere; of a complex image the imaginary part is zero.

    Parameters
    ----------
    low, high
        Bounds; infinite ones bind nothing.
    """

    low: float = -torch.inf
    high: float = torch.inf

    def value(self, x: Tensor) -> Tensor:
        """Return zero or infinity."""
        outside = (x.real < self.low) | (x.real > self.high)
        return _barrier(outside | (x.imag != 0) if x.is_complex() else outside)

    def prox(self, v: Tensor, strength: Tensor | None = None) -> Tensor:
        """Return the nearest image within the bounds."""
        return v.real.clamp(self.low, self.high).to(v.dtype)


@dataclass(frozen=True)
class Positivity(Box):
    """R(x) = 0 where x >= 0, infinite elsewhere."""

    low: float = 0.0


@dataclass(frozen=True)
class Support(Prior):
    """R(x) = 0 where x vanishes outside a mask, infinite elsewhere.

    Parameters
    ----------
    mask
        True inside, broadcastable to x.
    """

    mask: Tensor

    def value(self, x: Tensor) -> Tensor:
        """Return zero or infinity."""
        return _barrier((x != 0) & ~self.mask)

    def prox(self, v: Tensor, strength: Tensor | None = None) -> Tensor:
        """Return v inside the mask and zero outside."""
        return v * self.mask


def total(terms: Tensor) -> Tensor:
    """Return the sum over everything but the batch."""
    return terms.flatten(1).sum(1)


def shrink(v: Tensor, threshold: Tensor) -> Tensor:
    """Return argmin_x ½‖x − v‖² + threshold · ‖x‖₁: the modulus is lowered, the phase stays."""
    return torch.sgn(v) * (v.abs() - threshold).clamp(min=0)


def _barrier(outside: Tensor) -> Tensor:
    """Return infinity for each sample that is outside anywhere, else zero."""
    beyond = outside.flatten(1).any(1)
    return torch.zeros(beyond.shape, device=beyond.device).masked_fill(beyond, torch.inf)
