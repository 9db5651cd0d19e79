"""Classical regularised least squares: nothing is trained."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.restorers.base import Restorer


class Regularised(Restorer):
    """x_hat = argmin_x ||y - H x||² + strength R(x), by a given solver (survey eq. 2).

    Parameters
    ----------
    solve
        Maps a measurement and the strength to the image, (batch, channel, *space).
    strength
        Kept with the state of the module, as trained weights are.
    """

    strength: Tensor

    def __init__(self, solve: Callable[[Measurement, float], Tensor], strength: float) -> None:
        super().__init__()
        self.solve = solve
        self.register_buffer("strength", torch.tensor(strength, dtype=torch.float64))

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the minimiser."""
        return self.solve(given, float(self.strength))
