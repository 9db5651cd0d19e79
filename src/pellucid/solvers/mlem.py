"""Maximum likelihood for counts, by expectation maximisation."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.solvers.progress import Map, Progress, Watch, ratio


def mlem(
    forward: Map,
    adjoint: Map,
    y: Tensor,
    x: Tensor,
    *,
    background: Tensor | float = 0.0,
    penalty: Map | None = None,
    iterations: int,
    tolerance: float = 0.0,
    watch: Watch | None = None,
) -> Tensor:
    """Maximise the Poisson likelihood of counts y with mean Hx + b over x >= 0.

        x ← x / (H*1 (1 + P(x))) · H*( y / (Hx + b) ),

    the second factor of each measurement zero where nothing is expected.

    Parameters
    ----------
    forward, adjoint
        H, which maps what is not negative to what is not negative, and H*.
    y
        Counts in any unit, not negative, shape (batch, channel, *...).
    x
        Where to start: positive, shape (batch, channel, *space). What is zero stays zero.
    background
        b, broadcastable to y.
    penalty
        P, the gradient of a prior in units of the sensitivity H*1, at the last x (Green's one-step-late rule); zero
        unless given.
    iterations, tolerance, watch
        At most so many; until the relative change is as small; who is told.

    Returns
    -------
    Tensor
        x.

    References
    ----------
    Shepp, Vardi, "Maximum likelihood reconstruction for emission tomography", 1982.
    Green, "Bayesian reconstructions from emission tomography data using a modified EM algorithm", 1990.
    """
    progress = Progress(iterations, tolerance, watch)
    sensitivity = adjoint(torch.ones_like(y)).clamp(min=0)
    for k in range(iterations):
        last, scale = x, sensitivity if penalty is None else sensitivity * (1 + penalty(x)).clamp(min=0)
        x = x * ratio(adjoint(ratio(y, forward(x) + background)), scale).clamp(min=0)
        if progress.due(k) and progress.settled(k, x - last, x):
            break
    return x
