"""Splits of a measurement into what a network is given and what is held back from it."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from pellucid._math import seeds
from pellucid.data.fill import Donut, Fill, Median
from pellucid.data.measurement import Measurement, Repeated
from pellucid.errors import InputError
from pellucid.operators import Identity


class Split(ABC):
    """Divides a batch: a restorer sees what is given, an objective compares what is held."""

    @abstractmethod
    def __call__(self, batch: Measurement, rng: torch.Generator) -> tuple[Measurement, Measurement]:
        """Return (given, held)."""


@dataclass(frozen=True)
class Repeats(Split):
    """Noise2Noise: one shot is given, another is held; which is which is drawn anew each time.

    Lehtinen et al. 2018 (survey eq. 8-10). The exchange of input and target is that of cryo-CARE.
    """

    def __call__(self, batch: Measurement, rng: torch.Generator) -> tuple[Measurement, Measurement]:
        """Return two shots of a `Repeated` batch."""
        if not isinstance(batch, Repeated) or len(batch.shots) < 2:
            raise InputError("Noise2Noise needs two recordings of the same object; give the second with --pairs.")
        if len(batch.shots) > 2:
            first, second = torch.randperm(len(batch.shots), generator=rng, device=rng.device)[:2].tolist()
            return batch.shots[first], batch.shots[second]
        a, b = batch.shots
        if not isinstance(a.operator, Identity):  # each recording stays with its own instrument
            return (a, b) if float(torch.rand((), generator=seeds.host(rng))) < 0.5 else (b, a)
        swap = torch.rand(a.y.shape[0], generator=rng, device=a.y.device) < 0.5
        swap = swap.view(-1, *[1] * (a.y.ndim - 1))
        return a.with_y(torch.where(swap, b.y, a.y)), b.with_y(torch.where(swap, a.y, b.y))


@dataclass(frozen=True)
class InOrder(Split):
    """The first of two recordings is given, the second is held."""

    def __call__(self, batch: Measurement, rng: torch.Generator) -> tuple[Measurement, Measurement]:
        """Return both shots of a `Repeated` batch."""
        assert isinstance(batch, Repeated)
        given, held = batch.shots
        return given, held


@dataclass(frozen=True)
class EachSet(Split):
    """Divides each recording of an object by itself, and one that is alone as it is.

    Parameters
    ----------
    split
        Of one recording.
    """

    split: Split

    def __call__(self, batch: Measurement, rng: torch.Generator) -> tuple[Measurement, Measurement]:
        """Return (given, held)."""
        if not isinstance(batch, Repeated):
            return self.split(batch, rng)
        given, held = zip(*(self.split(each, rng) for each in batch.shots), strict=True)
        return Repeated.of(given), Repeated.of(held)


class Hiding(Split):
    """Hides some pixels: the network sees `fill` in their place, the objective reads only them.

    Hidden pixels are named by their places, never found by comparing values; and no fill reads a hidden
    pixel, unless it is named as leaking. Places are flat indices of one channel of one image, of shape
    (batch, channel, count); naming a pixel twice hides it once.
    """

    fill: Fill

    @abstractmethod
    def choose(self, y: Tensor, rng: torch.Generator) -> Tensor:
        """Return the places to hide in y, (batch, channel, *space)."""

    def hide(self, batch: Measurement, places: Tensor, rng: torch.Generator) -> tuple[Measurement, Measurement]:
        """Return (given, held) with the pixels at `places` held back."""
        hidden = mask_of(places, batch.y)
        filled = self.fill(batch.y, hidden, places, rng)
        given = replace(batch, y=filled, operator=batch.operator.restrict(~hidden), weight=~hidden)
        weight = hidden.to(batch.y.dtype)
        return given, replace(batch, weight=weight if batch.weight is None else weight * batch.weight)

    def most(self, y: Tensor) -> int:
        """Return how many pixels of a channel may be hidden at once."""
        return y[0, 0].numel()

    def __call__(self, batch: Measurement, rng: torch.Generator) -> tuple[Measurement, Measurement]:
        """Return (given, held) with newly chosen pixels held back."""
        return self.hide(batch, self.choose(batch.y, rng), rng)


@dataclass(frozen=True)
class BlindSpot(Hiding):
    """Noise2Void: single pixels at random, one in each of many equal boxes.

    Parameters
    ----------
    fraction
        Part of all pixels that is hidden; the box side is fraction^(-1/dims), in two and in three dimensions.
    fill
        What stands in for a hidden pixel.

    References
    ----------
    Krull, Buchholz, Jug, "Noise2Void - learning denoising from single noisy images", CVPR 2019.
    """

    fraction: float = 0.002
    fill: Fill = field(default_factory=Median)

    def __post_init__(self) -> None:
        """Check that most pixels stay visible."""
        if not 0 < self.fraction <= 0.5:
            raise InputError(f"Blind spots are a fraction of the pixels, up to one half; {self.fraction} is not.")

    def choose(self, y: Tensor, rng: torch.Generator) -> Tensor:
        """Hide one pixel a box, at a place drawn for each box, channel and image anew."""
        space = y.shape[2:]
        side = self.fraction ** (-1 / len(space))
        boxes = [max(1, round(n / side)) for n in space]
        flat = torch.zeros((), dtype=torch.long, device=y.device)
        for axis, (size, count) in enumerate(zip(space, boxes, strict=True)):
            start = along(torch.arange(count, device=y.device), axis, len(space))
            inside = torch.rand(*y.shape[:2], *boxes, generator=rng, device=y.device)
            flat = flat * size + ((start + inside) * (size / count)).long().clamp(max=size - 1)
        return flat.flatten(2)


@dataclass(frozen=True)
class Grid(Hiding):
    """Noise2Self: one class J of a partition of the pixels into regular grids.

    Parameters
    ----------
    width
        Distance of hidden pixels along each axis; the partition has width^dims classes.
    fill
        What stands in for a hidden pixel.

    References
    ----------
    Batson, Royer, "Noise2Self: blind denoising by self-supervision", ICML 2019 (survey eq. 15).
    """

    width: int = 4
    fill: Fill = field(default_factory=Donut)

    def __post_init__(self) -> None:
        """Check that some pixels stay visible."""
        if self.width < 2:
            raise InputError(f"Hidden pixels of a grid lie two or more apart; the width {self.width} hides them all.")

    def widths(self, dims: int) -> tuple[int, ...]:
        """Return the distance of hidden pixels along each of `dims` axes."""
        return (self.width,) * dims

    def choose(self, y: Tensor, rng: torch.Generator) -> Tensor:
        """Hide one class, drawn for each image anew."""
        draws = torch.rand(y.ndim - 2, len(y), generator=rng, device=y.device)
        phases = [(draw * width).long() for draw, width in zip(draws, self.widths(y.ndim - 2), strict=True)]
        return self._places(y, torch.stack(phases))

    def classes(self, y: Tensor) -> Iterator[Tensor]:
        """Yield the places of all classes: each entry of y is hidden in exactly one."""
        widths = self.widths(y.ndim - 2)
        ramp = torch.arange(max(widths), device=y.device)
        for phases in itertools.product(*(range(min(pair)) for pair in zip(widths, y.shape[2:], strict=True))):
            yield self._places(y, torch.stack([ramp[phase] for phase in phases])[:, None])

    def _places(self, y: Tensor, phases: Tensor) -> Tensor:
        """Return the places of the classes with these first coordinates, (axis, batch or 1)."""
        space = y.shape[2:]
        flat = torch.zeros((), dtype=torch.long, device=y.device)
        for axis, (size, width) in enumerate(zip(space, self.widths(len(space)), strict=True)):
            ramp = width * torch.arange(-(-size // width), device=y.device)
            place = along(ramp, axis, len(space)) + phases[axis].view(-1, 1, *[1] * len(space))
            # a class that has one pixel less along this axis names its last one twice
            flat = flat * size + torch.where(place < size, place, (place - width).clamp(min=0) % size)
        return flat.flatten(2).expand(len(y), y.shape[1], -1)


@dataclass(frozen=True)
class Reserved(Split):
    """Holds out given places, in the way of another split: for pixels that are never a training target.

    Parameters
    ----------
    split
        How what is held out is hidden.
    places
        Flat places, (batch, channel, count).
    """

    split: Split
    places: Tensor

    def __call__(self, batch: Measurement, rng: torch.Generator) -> tuple[Measurement, Measurement]:
        """Return (given, held); only the places have weight, the first of them where all would be too many."""
        if isinstance(self.split, Hiding):
            return self.split.hide(batch, self.places[..., : self.split.most(batch.y)], rng)
        given, held = self.split(batch, rng)
        weight = mask_of(self.places, held.y).to(held.y.dtype)
        return given, replace(held, weight=weight if held.weight is None else weight * held.weight)


def mask_of(places: Tensor, y: Tensor) -> Tensor:
    """Return a bool tensor shaped like y, (batch, channel, *space), that is true at `places`."""
    hidden = torch.zeros(*y.shape[:2], y[0, 0].numel(), dtype=torch.bool, device=y.device)
    return hidden.scatter_(2, places, True).view(y.shape)


def along(ramp: Tensor, axis: int, dims: int) -> Tensor:
    """Return a one-dimensional tensor laid along one of `dims` axes."""
    return ramp.view([-1 if a == axis else 1 for a in range(dims)])
