"""Gerchberg-Papoulis."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.strength import fixed
from pellucid.restorers.least_squares import linear
from pellucid.solvers import gerchberg_papoulis, lipschitz

CARD = Card(
    title="Gerchberg-Papoulis",
    needs="measurements",
    assumes="an image that is real, and not negative (or not positive)",
    independent=False,
    stabilise=False,
    gives="image",
    equation="x ← C(x + B (y − Hx)): what was measured is put back, then what is known of the image",
    paper="Gerchberg, Opt. Acta 1974; Papoulis, IEEE Trans. CAS 1975; of missing cones: Lim et al., Opt. Express 2015",
)


def gp(
    example: Measurement,
    *,
    rng: torch.Generator,
    iterations: int = 50,
    tolerance: float = 1e-3,
    contrast: Literal["positive", "negative", "either"] = "positive",
) -> Method:
    """Fill what the instrument does not see, such as a missing cone, by alternating projections.

    x ← C(x + B (y − Hx)): B, the back-projection, puts the measured frequencies back into the image and leaves the
    others as they are; C keeps what may be.

    Parameters
    ----------
    example
        The measurement, of a linear instrument.
    rng
        Not used.
    iterations, tolerance
        At most so many, until the relative change is as small.
    contrast
        ``positive``: the image is real and not negative; ``negative``: not positive, such as vesicles of a lower index
        than the medium; ``either``: only real.

    Returns
    -------
    Method
        Without stages.

    Raises
    ------
    InputError
        Where the instrument is not linear.

    Notes
    -----
    Where B H is a projection, as for a masked Fourier transform, this is the classical algorithm. Off the grid it is
    nearly one; its norm is measured, and longer steps than it allows are shortened.

    References
    ----------
    Gerchberg, "Super-resolution through error energy reduction", Optica Acta 21, 1974.
    Papoulis, "A new algorithm in spectral analysis and band-limited extrapolation", IEEE Transactions on Circuits and
    Systems 22, 1975.
    """
    low = 0.0 if contrast == "positive" else None
    high = 0.0 if contrast == "negative" else None

    def constrain(x: Tensor) -> Tensor:
        real = x.real if contrast == "either" else x.real.clamp(low, high)
        return real.to(x.dtype)

    def solve(given: Measurement) -> Tensor:
        operator = linear(given)
        first = operator.backproject(given.y)
        norm = lipschitz(lambda x: operator.backproject(operator(x)), first, iterations=10)
        step = 1 / norm.clamp(min=1).to(first.real.dtype)

        def restore(x: Tensor) -> Tensor:
            return x + step * (first - operator.backproject(operator(x)))

        start = constrain(first)
        return gerchberg_papoulis(restore, constrain, start, iterations=iterations, tolerance=tolerance)

    linear(example)
    return fixed(solve, CARD)
