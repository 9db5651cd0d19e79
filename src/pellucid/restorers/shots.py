"""Inference from several recordings of one object."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.restorers.base import Moments, Restorer
from pellucid.restorers.inference import posterior


class Shots(Moments):
    """The mean of a model's answers to several recordings, which are stacked along the channel axis.

    Where the model predicts a variance, each answer is joined with the mean of the other recordings through
    its Gaussian posterior: they are what it has not seen. A single recording gets the model's own answer.

    Parameters
    ----------
    model
        Answers to one recording.
    channels
        Of one recording.
    """

    def __init__(self, model: Restorer, channels: int) -> None:
        super().__init__()
        self.model, self.channels = model, channels

    def explain(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the mean of the moments, (batch, moments, channels, *space)."""
        shots = torch.split(given.y, self.channels, 1)
        answers = [self.model.explain(given.with_y(shot), rng) for shot in shots]
        if len(shots) > 1 and answers[0].shape[1] == 2 and given.noise is not None:
            total = torch.stack(shots).sum(0)
            others = [(total - shot) / (len(shots) - 1) for shot in shots]
            noise = given.noise.variance(total / len(shots)) / (len(shots) - 1)
            answers = [posterior(a, other, noise) for a, other in zip(answers, others, strict=True)]
        return torch.stack(answers).mean(0)

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the period of the model."""
        return self.model.stride(dims)
