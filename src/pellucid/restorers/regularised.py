"""Classical regularised least squares: nothing is trained."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.restorers.base import Restorer


class Regularised(Restorer):
    """x_hat = argmin_x ||y - H x||² + R(x), by a given solver (survey eq. 2).

    Parameters
    ----------
    solve
        Maps a measurement to the image, (batch, channel, *space).
    """

    def __init__(self, solve: Callable[[Measurement], Tensor]) -> None:
        super().__init__()
        self.solve = solve

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the minimiser."""
        return self.solve(given)
