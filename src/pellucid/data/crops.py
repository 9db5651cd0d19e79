"""Random crops of images that differ in size, of one set, of two, or of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.data.measurement import Paired, Unpaired
from pellucid.data.source import Step
from pellucid.operators import Identity


class Crops:
    """Squares of images, all of them equally likely, in the eight symmetries of the plane.

    Parameters
    ----------
    images
        Of (channel, row, column), on one device; no side is shorter than `side`.
    side
        Of a square.
    """

    def __init__(self, images: Sequence[Tensor], side: int) -> None:
        device = images[0].device
        self.side, self.channels = side, images[0].shape[0]
        self.flat = torch.cat([image.flatten() for image in images])
        sizes = torch.tensor([image.shape[1:] for image in images], device=device)
        self.area, self.width = sizes.prod(1), sizes[:, 1]
        self.start = torch.cumsum(self.channels * self.area, 0) - self.channels * self.area
        self.across = self.width - side + 1
        self.ends = torch.cumsum((sizes[:, 0] - side + 1) * self.across, 0)

    def places(self, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the image that each crop is of, (count,), and where its pixels lie there, (count, side, side)."""
        draws = torch.rand(4, count, generator=rng, device=self.flat.device, dtype=torch.float64)
        corner = (draws[0] * self.ends[-1]).long()
        image = torch.searchsorted(self.ends, corner, right=True)
        corner = corner - torch.where(image > 0, self.ends[image - 1], 0)
        ramp = torch.arange(self.side, device=self.flat.device)
        turned = torch.where(draws[1:3, :, None] < 0.5, ramp, self.side - 1 - ramp)
        row, column = turned[0, :, :, None], turned[1, :, None, :]
        row, column = row.expand(count, self.side, self.side), column.expand(count, self.side, self.side)
        swap = (draws[3] < 0.5).view(-1, 1, 1)
        row, column = torch.where(swap, row.mT, row), torch.where(swap, column.mT, column)
        across, width = self.across[image].view(-1, 1, 1), self.width[image].view(-1, 1, 1)
        first = corner.view(-1, 1, 1)
        return image, (first // across + row) * width + first % across + column

    def take(self, image: Tensor, place: Tensor) -> Tensor:
        """Return crops, (count, channel, side, side)."""
        channel = torch.arange(self.channels, device=place.device).view(1, -1, 1, 1)
        start, area = self.start[image].view(-1, 1, 1, 1), self.area[image].view(-1, 1, 1, 1)
        return self.flat[start + channel * area + place.unsqueeze(1)]


@dataclass(frozen=True)
class UnpairedCrops:
    """Draws crops of recordings beside crops of images of other objects."""

    recordings: Crops
    images: Crops
    batch: int = 4

    def draw(self, step: Step) -> Unpaired:
        """Return the crops of this step."""
        y, x = (crops.take(*crops.places(self.batch, step.rng)) for crops in (self.recordings, self.images))
        return Unpaired(y=y, images=x, operator=Identity())


@dataclass(frozen=True)
class PairedCrops:
    """Draws crops of recordings with the same squares of their truth, which has the same sizes and order."""

    recordings: Crops
    truth: Crops
    batch: int = 4

    def draw(self, step: Step) -> Paired:
        """Return the crops of this step."""
        at = self.recordings.places(self.batch, step.rng)
        return Paired(y=self.recordings.take(*at), truth=self.truth.take(*at), operator=Identity())
