"""Batches of recordings beside images of other objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._math import seeds
from pellucid._math.regions import view
from pellucid.data.measurement import Measurement, Unpaired
from pellucid.data.source import Step
from pellucid.errors import InputError

_SKEWED = 0.5  # skewness beyond which objects are bright on dark, or the other way round


@dataclass(frozen=True)
class Cuts:
    """Draws patches of recordings, all of one of them a step, and of clean images, which are mirrored at random.

    Parameters
    ----------
    recordings
        With one unit, each with its noise; their operator is that of a patch.
    images
        Clean ones, (number, 1, *space), in the same unit.
    patch
        Size along each spatial axis.
    batch
        Of each a step.
    """

    recordings: Sequence[Measurement]
    images: Sequence[Tensor]
    patch: tuple[int, ...]
    batch: int

    def draw(self, step: Step) -> Unpaired:
        """Return the patches of this step."""
        rng = seeds.host(step.rng)
        given = self.recordings[_below(len(self.recordings), rng)]
        y = torch.stack([self._cut(given.y, rng) for _ in range(self.batch)])
        x = [self._cut(self.images[_below(len(self.images), rng)], rng) for _ in range(self.batch)]
        turned = [image.flip([a for a in range(1, image.ndim) if _below(2, rng)]) for image in x]
        return Unpaired(y=y, images=torch.stack(turned), operator=given.operator, noise=given.noise)

    def _cut(self, of: Tensor, rng: torch.Generator) -> Tensor:
        corner = [_below(n - side + 1, rng) for n, side in zip(of.shape[2:], self.patch, strict=True)]
        region = tuple(slice(start, start + side) for start, side in zip(corner, self.patch, strict=True))
        return view(of[_below(len(of), rng)], region)


def compared(recordings: Tensor, clean: Sequence[Tensor], least: Sequence[int]) -> None:
    """Check that a critic can compare clean images with those of recordings.

    Parameters
    ----------
    recordings, clean
        (number, channel, *space), in any units.
    least
        Pixels along each axis that the critic and the instrument need.

    Raises
    ------
    InputError
        Where some are too small, empty, no numbers, or dark where the others are bright.
    """
    for name, images in (("recordings", [recordings]), ("clean images", clean)):
        small = [image.shape[2:] for image in images if any(n < k for n, k in zip(image.shape[2:], least, strict=True))]
        if small:
            raise InputError(
                f"The {name} measure {_by(small[0])} pixels, but the critic and the instrument need {_by(least)}: give "
                "larger ones."
            )
    for image in clean:
        if not bool(image.isfinite().all()) or bool((image == image.flatten()[0]).all()):
            raise InputError("A clean image is the same everywhere, or holds NaN or infinity: leave it out.")
    ours, theirs = (float(torch.stack([_skewness(x) for x in images]).mean()) for images in ([recordings], clean))
    if ours * theirs < 0 and min(abs(ours), abs(theirs)) > _SKEWED:
        here, there = ("bright on dark", "dark on bright")[:: 1 if ours > 0 else -1]
        raise InputError(f"The recordings show objects {here}, the clean images {there}: invert the clean images.")


def _skewness(image: Tensor) -> Tensor:
    size = image.abs().double()
    centred = size - size.mean()
    return centred.pow(3).mean() / centred.square().mean().clamp(min=1e-300).pow(1.5)


def _by(space: Sequence[int]) -> str:
    return " x ".join(map(str, space))


def _below(count: int, rng: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=rng))
