"""Filtered back-projection and its kin."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.strength import fixed

CARD = Card(
    title="Filtered back-projection, gridding",
    needs="measurements",
    assumes="dense, even sampling",
    independent=False,
    stabilise=False,
    gives="image",
    equation="x̂ = H* W y, W the density compensation of the instrument (the ramp filter in tomography)",
    paper="Bracewell, Riddle, ApJ 1967; Ramachandran, Lakshminarayanan, PNAS 1971; Kak, Slaney, IEEE Press 1988",
)


def fbp(example: Measurement, *, rng: torch.Generator) -> Method:
    """Apply the cheap inverse of the instrument: filtered back-projection, gridding with density compensation.

    Parameters
    ----------
    example
        The measurement.
    rng
        Not used.

    Returns
    -------
    Method
        Without stages; what `backproject` of the operator returns.

    References
    ----------
    Bracewell, Riddle, "Inversion of fan-beam scans in radio astronomy", 1967.
    Ramachandran, Lakshminarayanan, "Three-dimensional reconstruction from radiographs and electron micrographs", 1971.
    """

    def solve(given: Measurement) -> Tensor:
        return given.operator.backproject(given.y)

    return fixed(solve, CARD)
