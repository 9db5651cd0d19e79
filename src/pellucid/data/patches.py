"""Random patches, cut and augmented by one gather on the device that holds the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.operators import Identity

Symmetries = Literal["all", "mirrors", "none"]


@dataclass(frozen=True, kw_only=True)
class Patches:
    """Draws patches uniformly from arrays that share one geometry.

    Each patch is mirrored along every axis, and has rows and columns exchanged, with probability one half:
    the eight symmetries of the plane.

    Parameters
    ----------
    data
        One measurement of everything, `y` of shape (image, channel, *space); or its repeats.
    patch
        Size of a patch along each spatial axis, no larger than the image.
    batch
        Patches a step.
    symmetries
        ``all``, for patches of as many rows as columns. ``mirrors``: without the exchange, for noise or voxels that
        differ between rows and columns. ``none``: patches as they lie.

    Raises
    ------
    InputError
        Where the data are no such numbers, or have no such patches.
    """

    data: Measurement
    patch: Sequence[int]
    batch: int
    symmetries: Symmetries = "all"

    def __post_init__(self) -> None:
        y, size = self.data.y, tuple(self.patch)
        if not isinstance(y, Tensor) or y.dtype not in (torch.float32, torch.complex64):
            raise InputError(
                f"Patches are cut from a tensor of float32 or complex64, but {_kind(y)} came: convert it, as with "
                "torch.as_tensor(array, dtype=torch.float32)."
            )
        space = y.shape[2:]
        if not len(y) or len(space) != len(size) or any(not 0 < k <= n for k, n in zip(size, space, strict=True)):
            raise InputError(
                f"Patches of {size} are cut from data (image, channel, *space) with as many axes of space, none "
                f"smaller, but the data have the shape {tuple(y.shape)}."
            )
        if self.symmetries == "all" and len(set(size[-2:])) > 1:
            raise InputError(f"Rows and columns of patches of {size} cannot be exchanged: choose symmetries='mirrors'.")
        if self.data.weight is None and not bool(y.isfinite().all()):
            raise InputError("The data hold NaN or infinity, which nothing can be learned from: replace them.")

    def draw(self, step: Step) -> Measurement:
        """Return the patches of this step, with the weight and the noise model of the data."""
        index = self._index(step.rng)
        if isinstance(self.data, Repeated):
            return Repeated.of(tuple(_cut(shot, index) for shot in self.data.shots))
        return _cut(self.data, index)

    def _index(self, rng: torch.Generator) -> Tensor:
        """Return where each pixel of each patch lies in one flattened channel, shape (batch, *patch)."""
        images, _, *space = self.data.y.shape
        device, count, dims = self.data.y.device, self.batch, len(space)
        # one draw serves all: image, corner along each axis, mirrors, exchange
        draws = torch.rand(2 + 2 * dims, count, generator=rng, device=device, dtype=torch.float64)
        places = []
        for axis, (size, patch) in enumerate(zip(space, self.patch, strict=True)):
            corner = (draws[axis] * (size - patch + 1)).long()
            ramp = torch.arange(patch, device=device).expand(count, patch)
            if self.symmetries != "none":
                ramp = torch.where(draws[dims + axis][:, None] < 0.5, ramp, patch - 1 - ramp)
            shape = [count] + [patch if a == axis else 1 for a in range(dims)]
            places.append((corner, ramp.reshape(shape)))
        if self.symmetries == "all":
            swap = (draws[-1] < 0.5).view(count, *[1] * dims)
            (row, i), (column, j) = places[-2:]
            i, j = torch.where(swap, i.transpose(-1, -2), i), torch.where(swap, j.transpose(-1, -2), j)
            places[-2:] = [(row, i), (column, j)]
        flat = (draws[-2] * images).long().view(count, *[1] * dims)
        for (corner, offset), size in zip(places, space, strict=True):
            flat = flat * size + corner.view(count, *[1] * dims) + offset
        return flat


def _kind(array: object) -> str:
    kind, dtype = type(array).__name__, getattr(array, "dtype", None)
    return kind if dtype is None else f"{kind} of {dtype}"


def _cut(data: Measurement, index: Tensor) -> Measurement:
    """Return the patches at `index` of one measurement."""
    return Measurement(
        y=_take(data.y, index),
        operator=Identity(),
        weight=None if data.weight is None else _take(data.weight, index),
        noise=data.noise,
    )


def _take(array: Tensor, index: Tensor) -> Tensor:
    """Return `array`, (image, channel, *space), at flat places of its images: (batch, channel, *patch)."""
    channels, size = array.shape[1], array[0, 0].numel()
    image, place = (index // size).unsqueeze(1), (index % size).unsqueeze(1)
    channel = torch.arange(channels, device=array.device).view(-1, *[1] * (index.ndim - 1))
    return array.reshape(-1)[(image * channels + channel) * size + place]
