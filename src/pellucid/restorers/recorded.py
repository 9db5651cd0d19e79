"""A restorer that takes and gives recorded units."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.data.prepare import Standardisation
from pellucid.restorers.base import Restorer


class Recorded(Restorer):
    """Standardise, restore, and map the image and its spread back.

    Parameters
    ----------
    restorer
        Works in the units of the standardisation.
    standardisation
        Maps recorded values to those units; it also knows the noise there.
    """

    def __init__(self, restorer: Restorer, standardisation: Standardisation) -> None:
        super().__init__()
        self.restorer, self.standardisation, self.whole = restorer, standardisation, restorer.whole

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the image in recorded units, (batch, channel, *space)."""
        return self.estimate(given, rng)[0]

    def estimate(self, given: Measurement, rng: torch.Generator | None = None) -> tuple[Tensor, Tensor | None]:
        """Return the image and, where there is one, its standard deviation, in recorded units."""
        units = self.standardisation
        inside = replace(given, y=units(given.y), noise=units.noise)
        image, spread = self.restorer.estimate(inside, rng)
        image = image.float()
        return units.inverse(image), None if spread is None else units.inverse_spread(image, spread.float())

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the period of the restorer."""
        return self.restorer.stride(dims)
