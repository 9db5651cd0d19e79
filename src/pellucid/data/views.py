"""Splits of the views of a scan into interleaved parts, each with weights of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement, Repeated
from pellucid.errors import InputError

Strategy = Literal["X:1", "1:X"]


@dataclass(frozen=True)
class Interleaved:
    """Divides a scan into K parts, view after view, and tells which of them predicts which.

    Parameters
    ----------
    parts
        K: part j has the views j, j + K, j + 2K, ... The frames of repeated recordings are parts as they are.
    strategy
        ``X:1``: the mean of all other parts predicts a part. ``1:X``: a part predicts the mean of all others.

    References
    ----------
    Hendriksen, Pelt, Batenburg, "Noise2Inverse: self-supervised deep convolutional denoising for tomography", IEEE
    Transactions on Computational Imaging 6, 2020.

    Examples
    --------
    >>> halves = Interleaved(2).pairs([torch.zeros(1), torch.ones(1)])
    >>> [(given.item(), target.item()) for given, target in halves]
    [(1.0, 0.0), (0.0, 1.0)]
    """

    parts: int = 4
    strategy: Strategy = "X:1"

    def __post_init__(self) -> None:
        """Check that there is something to predict."""
        if self.parts < 2:
            raise InputError(f"One part of the views predicts another, so there are 2 or more; {self.parts} is not.")

    def divide(self, scan: Measurement) -> tuple[Measurement, ...]:
        """Return the parts of a scan, `y` of shape (batch, channel, view, *detector), each with its own operator.

        Raises
        ------
        InputError
            Where a part would have a single view, or there is a single frame.
        """
        if isinstance(scan, Repeated):
            if len(scan.shots) < 2:
                raise InputError("One frame predicts another, so there are 2 or more, but only one came.")
            return scan.shots
        views = scan.y.shape[2]
        if views < 2 * self.parts:
            raise InputError(
                f"{views} views cannot be divided into {self.parts} parts of two or more: take fewer parts, or more "
                "views."
            )
        part = torch.arange(views, device=scan.y.device) % self.parts
        keeps = [(part == j).view(1, 1, -1, *[1] * (scan.y.ndim - 3)) for j in range(self.parts)]
        return tuple(
            replace(scan, y=scan.y.masked_fill(~keep, 0), operator=scan.operator.restrict(keep)) for keep in keeps
        )

    def pairs(self, images: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Return (input, target) for each part, from the images that were reconstructed from the parts."""
        others = [[*images[:j], *images[j + 1 :]] for j in range(len(images))]
        rest = [torch.stack(some).mean(0) for some in others]
        return list(zip(rest, images, strict=True) if self.strategy == "X:1" else zip(images, rest, strict=True))
