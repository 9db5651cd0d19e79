"""The energy of what is left unexplained: its minimiser is the conditional mean, for complex data too."""

from __future__ import annotations

from torch import Tensor

from pellucid.data.measurement import Measurement


def energy(moments: Tensor, held: Measurement) -> Tensor:
    """Return Σ w |u − v|² / Σ 1 of each sample, over its entries u and their weights w.

    The weights are not divided out: they may bring a unit, or make up for entries that are seldom held.
    """
    error = (held.y - moments[:, 0]).abs().square()
    error = error if held.weight is None else held.weight * error
    return error.flatten(1).mean(1)
