"""Batches of whole recordings, each with its own instrument: for operators that see all of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch

from pellucid._math import seeds
from pellucid.data.measurement import Listed, Measurement
from pellucid.data.source import Step
from pellucid.operators.base import pick


@dataclass(frozen=True)
class Scans:
    """Draws entries (slices, frames) of recordings that may differ in size: a batch comes from one of them.

    Parameters
    ----------
    recordings
        Each a batch of entries with one operator; all are equally likely to be drawn.
    batch
        Entries a step, all different; fewer where a recording has fewer.
    """

    recordings: Sequence[Measurement]
    batch: int = 1

    def draw(self, step: Step) -> Listed:
        """Return the entries of this step, known by their numbers through all recordings."""
        rng, counts = seeds.host(step.rng), [len(part.y) for part in self.recordings]
        which = int(torch.multinomial(torch.tensor(counts, dtype=torch.float64), 1, generator=rng))
        rows = torch.randperm(counts[which], generator=rng)[: self.batch]
        first = [0, *accumulate(counts)][which]
        return chosen(self.recordings[which], rows, tuple(first + n for n in rows.tolist()))


def chosen(recording: Measurement, rows: torch.Tensor, numbers: tuple[int, ...]) -> Listed:
    """Return some entries of a recording; noise that differs between entries is left behind."""
    noise, rows = recording.noise, rows.to(recording.y.device, non_blocking=True)
    if noise is not None and len(recording.y) > 1 and any(part.ndim for part in noise.buffers()):
        noise = None
    return Listed(
        y=recording.y[rows],
        operator=recording.operator[rows],
        weight=None if recording.weight is None else pick(recording.weight, rows),
        noise=noise,
        numbers=numbers,
    )
