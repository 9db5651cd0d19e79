"""Kinds of images between which is translated: what a folder of them holds, its scale and its polarity."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from pellucid.data.image import Image
from pellucid.data.io import check, expand, read
from pellucid.errors import InputError
from pellucid.objectives.translation import Salient

Polarity = Literal["auto", "bright", "dark"]
LEAST = 16  # pixels a side of what a critic judges
_RANGE = (0.1, 99.9)  # percentiles that become -1 and 1
_CLEAR = 0.4  # content takes less of the area than this where its polarity is clear
_LOOKED, _SAMPLE = 64, 2**20  # planes and pixels that tell the scale
_HELD = 2**28  # numbers of a kind that are held for training: 1 GiB


class Look(BaseModel):
    """How one kind of images is brought to about -1 to 1, and what of it is content.

    Parameters
    ----------
    offset, scale
        (value - offset) / scale is what the networks see.
    threshold
        Between background and content, in those units.
    bright
        Whether content is brighter than the background; None where nobody knows.
    channels
        Of an image.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    offset: float
    scale: float = Field(gt=0)
    threshold: float
    bright: bool | None
    channels: int = Field(ge=1, le=64)

    @property
    def salient(self) -> Salient:
        """What is content, bright where that is not known."""
        return Salient(self.threshold, self.bright is not False)

    def inside(self, values: NDArray[Any]) -> Tensor:
        """Return values in the units of the networks."""
        return torch.from_numpy((values.astype(np.float32) - np.float32(self.offset)) / np.float32(self.scale))

    def outside(self, values: Tensor) -> NDArray[np.float32]:
        """Return values in the units of the files."""
        found: NDArray[np.float32] = values.float().numpy() * np.float32(self.scale) + np.float32(self.offset)
        return found


@dataclass(frozen=True)
class Kind:
    """A folder of images of one kind.

    Parameters
    ----------
    folder
        What the user named.
    images
        As read; each may have several planes.
    look
        Their scale and polarity.
    """

    folder: Path
    images: tuple[Image, ...]
    look: Look

    def planes(self) -> list[Tensor]:
        """Return the planes that are learned from, (channel, row, column) each, in the units of the networks."""
        return [self.look.inside(plane) for plane in spread_out(self.images, self.learned)]

    @property
    def count(self) -> int:
        """Number of planes."""
        return sum(1 for image in self.images for _ in places(image))

    @property
    def learned(self) -> int:
        """Number of planes that are learned from: all of them, or as many as memory shall hold."""
        values = sum(math.prod(image.shape) for image in self.images)
        return max(2, min(self.count, self.count * _HELD // values))


def places(image: Image) -> Iterator[dict[str, int]]:
    """Visit the planes of an image, channels together: where each lies along the other axes."""
    others = [axis for axis in image.axes if axis not in "CYX"]
    for place in product(*(range(image.size(axis)) for axis in others)):
        yield dict(zip(others, place, strict=True))


def index(image: Image, place: Mapping[str, int], region: Sequence[slice]) -> tuple[Any, ...]:
    """Return what to index an image with, to read or write a region of a plane in all channels."""
    at: dict[str, Any] = dict(place) | {"C": slice(None), "Y": region[0], "X": region[1]}
    return tuple(at[axis] for axis in image.axes)


def spread_out(images: Sequence[Image], most: int) -> list[NDArray[Any]]:
    """Return planes of images, (channel, row, column): all of them, or `most`, spread evenly."""
    whole = (slice(None), slice(None))
    found = [(image, index(image, place, whole)) for image in images for place in places(image)]
    chosen = [found[k * len(found) // most] for k in range(most)] if most < len(found) else found
    arrays = [(np.asarray(image.data[at]), image.size("C")) for image, at in chosen]
    return [array.reshape(channels, *array.shape[-2:]) for array, channels in arrays]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How files are read.

    Parameters
    ----------
    axes, channel
        What each axis is, and the one channel to use of images that have several; None where the file says.
    fill_nan
        Replace what is not finite.
    """

    axes: str | None = None
    channel: str | None = None
    fill_nan: bool = False

    def open(self, path: Path) -> Image:
        """Read an image that can be translated."""
        image = read(path, axes=self.axes)
        if self.channel is not None and "C" in image.axes:
            image = read(path, axes=self.axes, channel=self.channel)
        return check(image, fill_nan=self.fill_nan)


def opened(paths: Sequence[Path], reading: Reading) -> tuple[Image, ...]:
    """Read images that can be translated.

    Raises
    ------
    InputError
        Where one holds no finite numbers, is too small, or differs from the others in channels or bit depth.
    """
    images = tuple(reading.open(path) for path in paths)
    first = images[0]
    for image in images:
        size = (image.size("Y"), image.size("X"))
        if min(size) < LEAST:
            raise InputError(
                f"{image.name} has {size[0]} x {size[1]} pixels, and a critic judges {LEAST} x {LEAST}: leave it out."
            )
        if image.size("C") != first.size("C"):
            raise InputError(
                f"{first.name} has {first.size('C')} channel(s) and {image.name} {image.size('C')}: choose one with "
                "--channel, or give images of one kind."
            )
        if image.dtype != first.dtype:
            raise InputError(
                f"{first.name} holds {first.dtype} and {image.name} {image.dtype}, which have no common scale: bring "
                "the images of a folder to one bit depth."
            )
    return images


def kind(folder: Path, reading: Reading, polarity: Polarity) -> Kind:
    """Read a folder of images of one kind.

    Raises
    ------
    InputError
        Where it holds fewer than two planes, or images that cannot be used together.
    """
    paths = expand([folder])
    try:
        images = opened(paths, reading)
    except InputError as error:  # both folders may have a file of that name
        raise InputError(f"{folder} cannot be learned from: {error}") from None
    found = Kind(folder, images, _look(images, polarity))
    if found.count < 2:
        raise InputError(f"{folder} holds one image, and a kind is learned from several: give more.")
    return found


def _look(images: Sequence[Image], polarity: Polarity) -> Look:
    """Return scale and polarity of images."""
    from skimage.filters import threshold_otsu

    sampled = [plane.ravel() for plane in spread_out(images, _LOOKED)]
    values = np.concatenate([plane[:: max(1, len(sampled) * plane.size // _SAMPLE)] for plane in sampled])
    low, high = np.percentile(values.astype(np.float64), _RANGE)
    if not high > low:
        low, high = float(values.min()), float(values.max())
    offset, scale = (low + high) / 2, (high - low) / 2
    inside = np.clip((values - offset) / scale, -1, 1)
    beyond = inside > threshold_otsu(inside)
    threshold = float(inside[beyond].mean() + inside[~beyond].mean()) / 2  # Otsu's lies anywhere in a gap
    above = float(beyond.mean())
    bright = True if above < _CLEAR else False if above > 1 - _CLEAR else None
    return Look(
        offset=offset,
        scale=scale,
        threshold=threshold,
        bright=bright if polarity == "auto" else polarity == "bright",
        channels=images[0].size("C"),
    )
