"""Batches of recordings beside images of other objects."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement, Unpaired
from pellucid.data.source import Step
from pellucid.errors import InputError


@dataclass(frozen=True)
class Draws:
    """Draws recordings and, on their own, images: nothing matches one with the other.

    Parameters
    ----------
    recordings
        A batch of recordings with one instrument and, where known, one noise.
    images
        Clean images of other objects, (image, channel, *space), in the units that the restored ones shall have.
    batch
        Of each a step, all different; fewer where there are fewer.

    Raises
    ------
    InputError
        Where there are no images, or these differ from the recordings in their axes or channels.
    """

    recordings: Measurement
    images: Tensor
    batch: int = 8

    def __post_init__(self) -> None:
        """Check that images and recordings may be compared."""
        ours, theirs = tuple(self.images.shape), tuple(self.recordings.y.shape)
        if len(ours) != len(theirs) or not ours[0] or ours[1] != theirs[1]:
            raise InputError(
                f"Images {ours} and recordings {theirs} need the same axes and channels, (number, channel, *space): "
                "give some of both, with the axes that lack."
            )

    def draw(self, step: Step) -> Unpaired:
        """Return the recordings and images of this step."""
        y, given = self.recordings.y, self.recordings
        rows, others = (
            torch.randperm(len(of), generator=step.rng, device=step.rng.device)[: self.batch] for of in (y, self.images)
        )
        return Unpaired(y=y[rows], images=self.images[others], operator=given.operator, noise=given.noise)
