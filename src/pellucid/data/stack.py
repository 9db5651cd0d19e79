"""Images of any axes as a list of planes or volumes that are restored alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data.image import Image
from pellucid.data.io import finite_block
from pellucid.errors import InputError

Region = tuple[slice, ...]
_SAMPLE = 2**24  # pixels that are held in memory for training
_BLOCK = 512  # edge of a block that is sampled from images larger than that
_UNIT = 16  # sampled blocks are multiples of this, so that networks take them as they are


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

    @property
    def axes(self) -> str:
        """The axes along which an item extends."""
        return "ZYX"[-self.dims :]

    @property
    def items(self) -> list[Item]:
        """All planes or volumes, image by image."""
        items = []
        for number, image in enumerate(self.images):
            others = [a for a in image.axes if a not in self.axes and a != "C"]
            for place in product(*(range(image.size(a)) for a in others)):
                items.append(Item(number, tuple(zip(others, place, strict=True))))
        return items

    def space(self, item: Item) -> tuple[int, ...]:
        """Return the size of an item along each spatial axis."""
        return tuple(self.images[item.image].size(a) for a in self.axes)

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
        finite_block(block, image.source.name if image.source else "The image")
        return block

    def sample(self, rng: np.random.Generator, *, pixels: int = _SAMPLE) -> NDArray[np.float32]:
        """Return blocks of equal size, (block, *space): everything where that is little, else a random part.

        Blocks are cut to multiples of 16 pixels, so that networks take them as they are.
        """
        items = self.items
        smallest = [min(sizes) for sizes in zip(*(self.space(item) for item in items), strict=True)]
        whole = len({self.space(item) for item in items}) == 1 and len(items) * math.prod(smallest) <= pixels
        edge = smallest if whole else [min(n, _BLOCK) for n in smallest]
        size = [n // _UNIT * _UNIT if n >= _UNIT else n for n in edge]
        if whole:
            chosen = items
        else:
            room = [math.prod(n / b for n, b in zip(self.space(i), size, strict=True)) for i in items]
            count = min(max(1, pixels // math.prod(size)), math.ceil(sum(room)))
            share = np.array(room) / sum(room)
            chosen = [items[k] for k in np.sort(rng.choice(len(items), count, p=share))]
        return np.stack([self.read(item, _corner(self.space(item), size, rng)) for item in chosen])


def _corner(space: Sequence[int], size: Sequence[int], rng: np.random.Generator) -> Region:
    """Return a random place for a block."""
    starts = [int(rng.integers(0, n - s + 1)) for n, s in zip(space, size, strict=True)]
    return tuple(slice(a, a + s) for a, s in zip(starts, size, strict=True))


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
