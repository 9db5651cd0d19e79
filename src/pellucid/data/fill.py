"""What a network sees in the place of a hidden pixel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


class Fill(ABC):
    """Replaces hidden pixels by values made from visible ones."""

    leaks: bool = False
    """Whether a hidden value may reach the network all the same."""

    @abstractmethod
    def __call__(self, y: Tensor, hidden: Tensor, places: Tensor, rng: torch.Generator) -> Tensor:
        """Return y, (batch, channel, *space), with other values where `hidden`, which is true at `places`."""


@dataclass(frozen=True)
class Neighbours(Fill):
    """A statistic of the visible pixels in a window around the hidden one.

    The window ends at the border of the patch, and other hidden pixels in it are left out, so that no value
    is counted twice and none is seen that is held.

    Parameters
    ----------
    radius
        The window reaches so far along each axis.
    """

    radius: int = 5

    def __call__(self, y: Tensor, hidden: Tensor, places: Tensor, rng: torch.Generator) -> Tensor:
        """Return y with the statistic of the neighbours where `hidden`."""
        values, usable = self._window(y, hidden, places)
        new = torch.where(usable.any(-1), self._statistic(values, usable, rng), 0.0)
        return y.flatten(2).scatter(2, places, new.to(y.dtype)).view(y.shape)

    def _window(self, y: Tensor, hidden: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return the values around each place and which of them may be used: (batch, channel, place, window)."""
        space = y.shape[2:]
        reach = torch.arange(-self.radius, self.radius + 1, device=y.device)
        offsets = torch.cartesian_prod(*[reach] * len(space))
        inside = torch.ones((), dtype=torch.bool, device=y.device)
        flat = torch.zeros((), dtype=torch.long, device=y.device)
        stride = y[0, 0].numel()
        for axis, size in enumerate(space):
            stride //= size
            place = (places // stride % size).unsqueeze(-1) + offsets[:, axis]
            inside = inside & (place >= 0) & (place < size)
            flat = flat * size + place.clamp(0, size - 1)

        def take(array: Tensor) -> Tensor:
            return array.flatten(2).gather(2, flat.flatten(2)).view(flat.shape)

        return take(y), inside & self._visible(take(hidden), offsets)

    def _visible(self, hidden: Tensor, offsets: Tensor) -> Tensor:
        return ~hidden

    @abstractmethod
    def _statistic(self, values: Tensor, usable: Tensor, rng: torch.Generator) -> Tensor:
        """Return one value a window, (batch, channel, place)."""


@dataclass(frozen=True)
class Median(Neighbours):
    """The median of the window without its centre: the replacement of N2V2 (Höck et al. 2022).

    As numpy's, it is NaN where the window holds a NaN.
    """

    def _statistic(self, values: Tensor, usable: Tensor, rng: torch.Generator) -> Tensor:
        ordered = values.masked_fill(~usable, torch.inf).sort(-1).values
        count = usable.sum(-1, keepdim=True)
        middle = torch.cat([(count - 1).clamp(min=0) // 2, count // 2], -1)
        return torch.where(ordered[..., -1].isnan(), torch.nan, ordered.gather(-1, middle).mean(-1))


@dataclass(frozen=True)
class Mean(Fill):
    """The mean of the visible pixels in a window around the hidden one; zero where there are none.

    Parameters
    ----------
    radius
        The window reaches so far along each axis.
    """

    radius: int = 5

    def __call__(self, y: Tensor, hidden: Tensor, places: Tensor, rng: torch.Generator) -> Tensor:
        """Return y with the mean of the window where `hidden`."""
        total, count = (self._sum(x) for x in (y.masked_fill(hidden, 0.0), (~hidden).to(y.dtype)))
        return torch.where(hidden, total / count.clamp(min=1), y)

    def _sum(self, x: Tensor) -> Tensor:
        """Return the sum over the window around each pixel, one axis after the other."""
        dims = x.ndim - 2
        pool = F.avg_pool3d if dims == 3 else F.avg_pool2d
        x = F.pad(x, [self.radius] * (2 * dims))
        for axis in range(dims):
            x = pool(x, [2 * self.radius + 1 if a == axis else 1 for a in range(dims)], 1, divisor_override=1)
        return x


@dataclass(frozen=True)
class Uniform(Neighbours):
    """A pixel of the window, drawn with equal chances, never the centre: `uniform_withoutCP` of Noise2Void."""

    def _statistic(self, values: Tensor, usable: Tensor, rng: torch.Generator) -> Tensor:
        chance = torch.rand(values.shape, generator=rng, device=values.device)
        return values.gather(-1, (chance * usable).argmax(-1, keepdim=True)).squeeze(-1)


@dataclass(frozen=True)
class UniformWithCentre(Uniform):
    """The original replacement of Noise2Void, `uniform_withCP`: it may copy the hidden pixel itself.

    It leaks the identity with probability 1 / (2 radius + 1)^dims, so it is exempt from the leak test.
    """

    leaks = True

    def _visible(self, hidden: Tensor, offsets: Tensor) -> Tensor:
        return ~hidden | (offsets == 0).all(-1)


@dataclass(frozen=True)
class Donut(Fill):
    """The weighted mean of the adjacent visible pixels, those that share a face counting twice (Noise2Self).

    In the plane the kernel is [[1, 2, 1], [2, 0, 2], [1, 2, 1]] / 12, applied to each channel by itself.
    """

    def __call__(self, y: Tensor, hidden: Tensor, places: Tensor, rng: torch.Generator) -> Tensor:
        """Return y with the mean of its neighbours where `hidden`."""
        dims, channels = y.ndim - 2, y.shape[1]
        distance = torch.cartesian_prod(*[torch.arange(-1, 2, device=y.device).abs()] * dims).sum(1)
        kernel = torch.where(distance == 0, 0.0, 0.5 ** (distance - 1)).to(y.dtype).view(1, 1, *[3] * dims)
        kernel = kernel.expand(channels, 1, *[3] * dims)
        convolve = F.conv3d if dims == 3 else F.conv2d
        visible = (~hidden).to(y.dtype)
        total = convolve(y.masked_fill(hidden, 0.0), kernel, padding=1, groups=channels)
        weight = convolve(visible, kernel, padding=1, groups=channels)
        return torch.where(hidden, total / weight.clamp(min=1e-6), y)


@dataclass(frozen=True)
class Noise(Fill):
    """Standard normal numbers: Noise2Self's random replacement, for data that is standardised."""

    def __call__(self, y: Tensor, hidden: Tensor, places: Tensor, rng: torch.Generator) -> Tensor:
        """Return y with random numbers where `hidden`."""
        draw = torch.randn(y.shape, generator=rng, device=y.device, dtype=y.dtype)
        return torch.where(hidden, draw, y)


@dataclass(frozen=True)
class Zero(Fill):
    """Zero, the mean of standardised data."""

    def __call__(self, y: Tensor, hidden: Tensor, places: Tensor, rng: torch.Generator) -> Tensor:
        """Return y with zeros where `hidden`."""
        return y.masked_fill(hidden, 0.0)
