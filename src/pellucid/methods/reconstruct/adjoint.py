"""The adjoint."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.strength import fixed
from pellucid.restorers.least_squares import linear

CARD = Card(
    title="Adjoint of the instrument",
    needs="measurements",
    assumes="nothing; its scale is not that of the object",
    independent=False,
    stabilise=False,
    gives="image",
    equation="x̂ = H* y, for y = Hx + w",
    paper="zero-filled Fourier inversion, unfiltered back-projection; e.g. Natterer, SIAM 2001",
)


def adjoint(example: Measurement, *, rng: torch.Generator) -> Method:
    """Apply the adjoint of the instrument: x̂ = H* y.

    Parameters
    ----------
    example
        The measurement, of a linear instrument.
    rng
        Not used.

    Returns
    -------
    Method
        Without stages.

    Raises
    ------
    InputError
        Where the instrument is not linear.

    References
    ----------
    Natterer, "The mathematics of computerized tomography", 2001.
    """
    linear(example)

    def solve(given: Measurement) -> Tensor:
        return linear(given).adjoint(given.y)

    return fixed(solve, CARD)
