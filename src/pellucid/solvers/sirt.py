"""Simultaneous iterative reconstruction."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.solvers.progress import Map, Progress, Watch, ratio

_LEAST = 1e-3  # of the largest row or column sum: less is no ray, or no pixel that a ray sees


def sirt(
    forward: Map,
    adjoint: Map,
    y: Tensor,
    x: Tensor,
    *,
    constrain: Map = torch.positive,
    iterations: int,
    tolerance: float = 0.0,
    watch: Watch | None = None,
) -> Tensor:
    """Solve Hx = y in least squares, weighted by the lengths of the rays.

        x ← x + C H* R (y − Hx),      R = diag 1 / H1,      C = diag 1 / H*1.

    Parameters
    ----------
    forward, adjoint
        H, with entries that are not negative, and H*.
    y
        Shape (batch, channel, *...).
    x
        Where to start, shape (batch, channel, *space).
    constrain
        A projection after each step, such as x -> x.clamp(min=0); none unless given.
    iterations, tolerance, watch
        At most so many; until the relative change is as small; who is told.

    Returns
    -------
    Tensor
        x.

    Notes
    -----
    Rows and columns whose sum is below a thousandth of the largest are left out.

    References
    ----------
    Gilbert, "Iterative methods for the three-dimensional reconstruction of an object from projections", 1972.
    Gregor, Benson, "Computational analysis and improvement of SIRT", 2008.
    """
    progress = Progress(iterations, tolerance, watch)
    rows, columns = _inverse(forward(torch.ones_like(x))), _inverse(adjoint(torch.ones_like(y)))
    for k in range(iterations):
        last, x = x, constrain(x + columns * adjoint(rows * (y - forward(x))))
        if progress.due(k) and progress.settled(k, x - last, x):
            break
    return x


def _inverse(sums: Tensor) -> Tensor:
    return ratio((sums > _LEAST * sums.amax()).to(sums.dtype), sums)
