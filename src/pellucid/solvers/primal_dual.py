"""The primal-dual method of Condat and Vũ, and with c = 0 that of Chambolle and Pock."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.solvers.norm import lipschitz
from pellucid.solvers.progress import Map, Progress, Prox, Watch


@dataclass(frozen=True, kw_only=True)
class Saddle:
    """The problem min_x c(x) + G(x) + R(Kx).

    Parameters
    ----------
    gradient
        ∇c, of a smooth c.
    prox
        (v, s) -> argmin_x ½‖x − v‖² + s G(x); such as a projection on x >= 0, or `lambda v, s: v` for G = 0.
    prior
        (v, s) -> argmin_z ½‖z − v‖² + s R(z).
    analyse, adjoint
        K and K*.
    """

    gradient: Map
    prox: Prox
    prior: Prox
    analyse: Map
    adjoint: Map


def primal_dual(
    problem: Saddle,
    x: Tensor,
    smoothness: Tensor,
    *,
    iterations: int,
    tolerance: float = 0.0,
    watch: Watch | None = None,
) -> Tensor:
    """Minimise c(x) + G(x) + R(Kx) without inverting anything.

        x' = prox_τG(x − τ ∇c(x) − τ K* u),      u' = prox_σR*(u + σ K(2x' − x)),

    which converges for 1/τ − σ‖K‖² >= L/2; here σ = L / 2‖K‖² and τ = 1/L.

    Parameters
    ----------
    problem
        c, G, R and K.
    x
        Where to start, shape (batch, channel, *space).
    smoothness
        L > 0, the Lipschitz constant of ∇c, (batch or 1, 1, ..., 1). For c = 0 any number: it sets σ τ = 1 / 2‖K‖².
    iterations, tolerance, watch
        At most so many; until the relative change of x is as small; who is told.

    Returns
    -------
    Tensor
        x.

    Notes
    -----
    prox_σR* comes from the proximal map of R by Moreau's identity.

    References
    ----------
    Chambolle, Pock, "A first-order primal-dual algorithm for convex problems with applications to imaging", 2011.
    Condat, "A primal-dual splitting method for convex optimization involving Lipschitzian, proximable and linear
    composite terms", 2013, algorithm 3.1. Vũ, "A splitting algorithm for dual monotone inclusions", 2013.
    """
    progress = Progress(iterations, tolerance, watch)
    u = torch.zeros_like(problem.analyse(x))
    size = lipschitz(lambda v: problem.adjoint(problem.analyse(v)), x)
    tau = 1 / smoothness
    sigma = (smoothness / (2 * size)).reshape(-1, *[1] * (u.ndim - 1))
    for k in range(iterations):
        last, x = x, problem.prox(x - tau * (problem.gradient(x) + problem.adjoint(u)), tau)
        u = u + sigma * problem.analyse(2 * x - last)
        u = u - sigma * problem.prior(u / sigma, 1 / sigma)
        if progress.due(k) and progress.settled(k, x - last, x):
            break
    return x
