"""The grey levels that an image holds: the step between them, and ends of the range at which values pile up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError

Array = NDArray[np.float64]

_PILE = 2.0  # an end of the range is clipped where it holds this many times the pixels of the level next to it
_CHANCE = 0.5  # neighbours of a mask differ less often than this part of what chance would give
_SATURATED = 0.001  # part of the pixels that is worth a warning
_COARSE = 0.25  # part of the variance that is rounding, from which on it is worth a warning


@dataclass(frozen=True)
class Levels:
    """Grey levels of an image.

    Parameters
    ----------
    step
        Smallest distance of two levels.
    low, high
        The ends of the range.
    dark, bright
        Part of the pixels that is clipped at each end: zero where values do not pile up there.
    """

    step: float
    low: float
    high: float
    dark: float
    bright: float

    @classmethod
    def of(cls, images: Array) -> Levels:
        """Count the pixels of each level; there must be two or more.

        Raises
        ------
        InputError
            Where the image is a mask.

        Examples
        --------
        >>> Levels.of(np.minimum(np.arange(100.0), 90).reshape(10, 10)).bright
        0.1
        """
        levels, counts = np.unique(images, return_counts=True)
        if len(levels) == 2:
            _no_mask(images == levels[1])
        dark, bright = (
            float(counts[end] / counts.sum()) if counts[end] > _PILE * counts[next_to_it] else 0.0
            for end, next_to_it in ((0, 1), (-1, -2))
        )
        return cls(float(np.diff(levels).min()), float(levels[0]), float(levels[-1]), dark, bright)

    def clipped(self, images: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which pixels are clipped at the low and at the high end."""
        return (images == self.low) & (self.dark > 0), (images == self.high) & (self.bright > 0)

    def warnings(self, variance: Array) -> tuple[str, ...]:
        """Say what the levels do to an image whose noise has these variances."""
        told = []
        if self.bright > _SATURATED:
            told.append(
                f"{self.bright:.1%} of the pixels are saturated at {self.high:g}: the noise was read from the others, "
                "and what was brighter is lost."
            )
        if self.step**2 / 12 > _COARSE * float(np.median(variance)):
            told.append(
                f"Grey levels are {self.step:g} apart, which is coarse beside the noise: rounding errors follow the "
                "image, and no restoration removes them."
            )
        return tuple(told)


def _no_mask(chosen: NDArray[np.bool_]) -> None:
    """Refuse two levels that lie in areas, unlike single photons on a dark detector."""
    share = chosen.mean()
    along, across = (np.diff(chosen, axis=axis).mean() for axis in (-2, -1))
    if (along + across) / 2 < _CHANCE * 2 * share * (1 - share):
        raise InputError("The image holds two values only, in areas: it is a mask, and a mask is not restored.")
