"""Where batches come from: random access by step, so that an exact resume costs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from pellucid.data.measurement import Measurement


@dataclass(frozen=True)
class Step:
    """Where a fit stands.

    Parameters
    ----------
    index
        Steps done before this one.
    progress
        Part of the budget that is spent, from 0 to 1.
    rng
        All randomness of this step: a function of (seed, rank, index).
    """

    index: int
    progress: float
    rng: torch.Generator


class Source(Protocol):
    """Draws a batch for any step, in any order."""

    def draw(self, step: Step) -> Measurement:
        """Return the batch of this step."""
        ...


@dataclass(frozen=True)
class Fixed:
    """The same batch at every step: for validation, and for data that fits in one."""

    batch: Measurement

    def draw(self, step: Step) -> Measurement:
        """Return the batch."""
        return self.batch
