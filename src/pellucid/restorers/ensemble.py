"""Many answers of a model that draws."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.data.splits import Split
from pellucid.restorers.base import Restorer


class Ensemble(Restorer):
    """Mean and standard deviation of a model's answers to fresh splits of what is given.

    The deviation is how much the answers disagree, over what was hidden and over dropout. It is no posterior: it knows
    nothing of errors that all answers share, and seldom covers the truth.

    Parameters
    ----------
    model
        Is asked once for each split, and may draw by itself.
    split
        Chooses what the model is given; what is held is not read.
    draws
        How many answers; two or more.

    Notes
    -----
    Moments are updated one by one, so that memory does not grow with the draws. Images of a batch are restored one by
    one, each from the state of `rng`, so that none depends on its neighbours. Without `rng` a fixed seed is taken.

    References
    ----------
    Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 4, 1962.
    Gal, Ghahramani, "Dropout as a Bayesian approximation", ICML 2016, for what the deviation is taken for elsewhere.
    """

    def __init__(self, model: Restorer, split: Split, draws: int) -> None:
        super().__init__()
        self.model, self.split, self.draws = model, split, draws

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the mean of the answers, (batch, channel, *space)."""
        return self.estimate(given, rng)[0]

    def estimate(self, given: Measurement, rng: torch.Generator | None = None) -> tuple[Tensor, Tensor | None]:
        """Return the mean of the answers and their standard deviation."""
        rng = torch.Generator(given.y.device).manual_seed(0) if rng is None else rng
        start, parts = rng.get_state(), []
        for i in range(len(given.y)):
            rng.set_state(start)
            parts.append(self._moments(replace(given, y=given.y[i : i + 1], operator=given.operator[i]), rng))
        mean, variance = map(torch.cat, zip(*parts, strict=True))
        return mean, variance.sqrt()

    def _moments(self, given: Measurement, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the mean and the variance of the answers to one image."""
        mean = squares = torch.zeros_like(given.y)
        for count in range(1, self.draws + 1):
            seen, _ = self.split(given, rng)
            answer = self.model(seen, rng)
            change = answer - mean
            mean = mean + change / count
            squares = squares + change * (answer - mean)
        return mean, squares / (self.draws - 1)

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the period of the model."""
        return self.model.stride(dims)
