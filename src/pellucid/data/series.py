"""Series of images of one object along T, which some methods need as a whole; with their phase, where it is known."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pellucid._math.regions import Region
from pellucid.data.image import ArrayLike, Image
from pellucid.data.io import finite_block
from pellucid.data.stack import Item, Stack
from pellucid.errors import InputError

_TURN = 2 * math.pi
_ROUNDED = 1.01  # times a full turn that a phase in radians may span


def stack_of(images: Sequence[Image], channel: int, dims: int, needs: str) -> Stack:
    """Return the planes or volumes of images as a method needs them: one by one, or all along T at once."""
    return (Series if needs == "series" else Stack)(tuple(images), channel, dims)


@dataclass(frozen=True)
class Series(Stack):
    """A stack whose items are all that lies along T at once.

    An item is read with its volumes in front, (volume, *region), and restored with the volumes as channels; of complex
    images these are the real parts, followed by as many imaginary ones.
    """

    about: ClassVar[Mapping[str, int]] = {"Z": 16, "Y": 64, "X": 64}

    @property
    def inside(self) -> str:
        """The axes that an item has, or has one place of for all items."""
        return f"TC{self.axes}"

    @property
    def complex(self) -> bool:
        """Whether the images have a phase."""
        return self.images[0].dtype.kind == "c"

    def depth(self, number: int) -> int:
        """Return the number of volumes, and of imaginary parts, of an image."""
        return self.images[number].size("T") * (2 if self.complex else 1)

    def index(self, item: Item, region: Region) -> tuple[Any, ...]:
        """Return what to index the item's image with: a region of all volumes."""
        at: dict[str, Any] = {"T": slice(None), "C": self.channel}
        at |= dict(item.place) | dict(zip(self.axes, region, strict=True))
        return tuple(at[a] for a in self.images[item.image].axes)

    def read(self, item: Item, region: Region) -> NDArray[np.float32]:
        """Return a region of all volumes, (volume, *region)."""
        image = self.images[item.image]
        block = np.asarray(image.data[self.index(item, region)])
        order = self._order(image)
        block = block.transpose([order.index(a) for a in "TZYX" if a in order])
        parts = [block.real, block.imag] if self.complex else [block]
        shape = (-1, *(r.stop - r.start for r in region))
        volumes = np.concatenate([part.reshape(shape) for part in parts]).astype(np.float32, copy=False)
        finite_block(volumes, image.name)
        return volumes

    def given(self, item: Item, region: Region) -> NDArray[np.float32]:
        """Return what a restorer is given of a region: its volumes."""
        return self.read(item, region)

    def shown(self, maps: Any) -> Any:
        """Return the middle volume of maps (map, volume, *region)."""
        maps = self._magnitude(maps, 1)
        return maps[:, maps.shape[1] // 2]

    def answer(self, maps: NDArray[np.float32], item: Item) -> NDArray[np.float32]:
        """Return what to write at `index`, of restored volumes (volume, *region): of complex ones the magnitude."""
        order, found = self._order(self.images[item.image]), self._magnitude(maps, 0)
        axes = [a for a in "TZYX" if a in order]
        found = np.reshape(found, (len(found), *found.shape[1 - len(axes) :]))
        return found.transpose([axes.index(a) for a in order])

    def _magnitude(self, maps: Any, axis: int) -> Any:
        if not self.complex:
            return maps
        half = maps.shape[axis] // 2
        real, imaginary = (maps[(slice(None),) * axis + (part,)] for part in (slice(half), slice(half, None)))
        return (real**2 + imaginary**2) ** 0.5

    def _order(self, image: Image) -> str:
        """Return the axes of what is read, in the order of the image."""
        return "".join(a for a in image.axes if a == "T" or a in self.axes)


def with_phase(magnitude: Image, phase: Image) -> Image:
    """Return the complex image magnitude · exp(i phase), computed where it is read.

    Parameters
    ----------
    magnitude
        Of any axes.
    phase
        Of the same shape. Radians, where all values lie within one turn; otherwise, as scanners store it, whole
        numbers whose range is one turn, and a warning says so.

    Raises
    ------
    InputError
        Where the shapes differ, or the phase is the same everywhere.
    """
    if (phase.shape, phase.axes) != (magnitude.shape, magnitude.axes):
        raise InputError(
            f"The phase {phase.name} is {phase.axes} {phase.shape}, but {magnitude.name} is {magnitude.axes} "
            f"{magnitude.shape}: give the phase of the same images."
        )
    values = np.asarray(phase.data[...])
    low, high = float(values.min()), float(values.max())
    if not high > low:
        raise InputError(f"The phase {phase.name} is {low:g} everywhere: leave --phase out.")
    unit = 1.0
    if high - low > _ROUNDED * _TURN:
        unit = _TURN / (high - low + 1)
        warnings.warn(
            f"The phase {phase.name} runs from {low:g} to {high:g}: this range was taken for one turn.", stacklevel=2
        )
    return replace(magnitude, data=_Complex(magnitude.data, phase.data, unit))


class _Complex:
    """Complex numbers of a magnitude and a phase in units of a part of a radian."""

    def __init__(self, magnitude: ArrayLike, phase: ArrayLike, unit: float) -> None:
        self.magnitude, self.phase, self.unit = magnitude, phase, unit
        self.shape, self.dtype = tuple(magnitude.shape), np.dtype(np.complex64)

    def __getitem__(self, region: Any) -> Any:
        angle = np.asarray(self.phase[region], np.float64) * self.unit
        return (np.asarray(self.magnitude[region], np.float64) * np.exp(1j * angle)).astype(np.complex64)
