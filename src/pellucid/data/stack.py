"""Images of any axes as a list of planes or volumes that are restored alike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pellucid._math.regions import Region
from pellucid.data.image import Image
from pellucid.data.io import finite_block
from pellucid.errors import InputError

_SAMPLE = 2**24  # pixels that are held in memory for training


@dataclass(frozen=True)
class Item:
    """One plane or volume of one image: its place along every axis that is not restored along."""

    image: int
    place: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Stack:
    """One channel of one or several images, as planes (dims 2) or volumes (dims 3).

    Parameters
    ----------
    images
        With the same meaning of channels; sizes may differ.
    channel
        Which channel.
    dims
        2: every YX plane by itself. 3: every ZYX volume.
    """

    images: tuple[Image, ...]
    channel: int
    dims: int
    about: ClassVar[Mapping[str, int]] = {"Z": 64, "Y": 512, "X": 512}  # size of a block of a sample

    @property
    def axes(self) -> str:
        """The axes along which an item extends."""
        return "ZYX"[-self.dims :]

    @property
    def inside(self) -> str:
        """The axes that an item has, or has one place of for all items."""
        return f"C{self.axes}"

    @property
    def items(self) -> list[Item]:
        """All planes or volumes, image by image."""
        items = []
        for number, image in enumerate(self.images):
            others = [a for a in image.axes if a not in self.inside]
            for place in product(*(range(image.size(a)) for a in others)):
                items.append(Item(number, tuple(zip(others, place, strict=True))))
        return items

    def space(self, item: Item) -> tuple[int, ...]:
        """Return the size of an item along each spatial axis."""
        return tuple(self.images[item.image].size(a) for a in self.axes)

    @property
    def pixels(self) -> int:
        """Number of pixels of all items."""
        return sum(math.prod(self.space(item)) for item in self.items)

    def index(self, item: Item, region: Region) -> tuple[Any, ...]:
        """Return what to index the item's image with, to read or write a region of it."""
        at: dict[str, Any] = dict(item.place) | dict(zip(self.axes, region, strict=True)) | {"C": self.channel}
        return tuple(at[a] for a in self.images[item.image].axes)

    def read(self, item: Item, region: Region) -> NDArray[np.float32]:
        """Return a region of an item in float32, (*region).

        Raises
        ------
        InputError
            Where values are not finite.
        """
        image = self.images[item.image]
        block = np.asarray(image.data[self.index(item, region)], dtype=np.float32)
        if self.dims == 3 and "Z" not in image.axes:
            block = block[None]
        finite_block(block, image.name)
        return block

    def depth(self, number: int) -> int:
        """Return how many channels a restorer is given of an item of an image."""
        return 1

    def given(self, item: Item, region: Region) -> NDArray[np.float32]:
        """Return what a restorer is given of a region: (channel, *region)."""
        return self.read(item, region)[None]

    def shown(self, maps: Any) -> Any:
        """Return what a person is shown of maps (map, channel, *region), an array or a tensor: (map, *region)."""
        return maps[:, 0]

    def answer(self, maps: NDArray[np.float32], item: Item) -> NDArray[np.float32]:
        """Return what to write at `index`, of a restored region (channel, *region)."""
        flat = self.dims == 3 and "Z" not in self.images[item.image].axes
        return np.asarray(maps[0, 0] if flat else maps[0])

    def sample(self, rng: np.random.Generator, *, pixels: int = _SAMPLE) -> NDArray[np.float32]:
        """Return blocks of one size that do not overlap, in random order: (block, *space).

        Items are divided into equal blocks of about 64 planes, 512 rows and 512 columns, cut to multiples of what
        networks take; of more than `pixels` a random part is read.
        """
        items = self.items
        least = [min(sizes) for sizes in zip(*(self.space(item) for item in items), strict=True)]
        size = [_block(n, self.about[axis]) for n, axis in zip(least, self.axes, strict=True)]
        corners = [
            (item, corner)
            for item in items
            for corner in product(*(range(0, n - b + 1, b) for n, b in zip(self.space(item), size, strict=True)))
        ]
        count = min(max(1, pixels // math.prod(size)), len(corners))
        chosen = [corners[k] for k in rng.permutation(len(corners))[:count]]
        return np.stack(
            [self.read(item, tuple(slice(a, a + b) for a, b in zip(at, size, strict=True))) for item, at in chosen]
        )


def _block(n: int, about: int) -> int:
    """Return the size of a block along an axis of n pixels."""
    edge = n // max(1, round(n / about))
    unit = next((u for least, u in ((64, 16), (32, 4), (16, 8), (4, 4)) if edge >= least), 1)
    return edge // unit * unit


def channels_of(images: Sequence[Image]) -> int:
    """Return the number of channels that all images share.

    Raises
    ------
    InputError
        Where they differ.
    """
    counts = {image.size("C") for image in images}
    if len(counts) > 1:
        raise InputError(
            f"Images that share a model need the same channels, but these have {', '.join(map(str, sorted(counts)))}; "
            "choose one with --channel, or add --each."
        )
    return counts.pop()
