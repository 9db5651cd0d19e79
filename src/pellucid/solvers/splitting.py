"""Half-quadratic splitting and ADMM: the data and the prior take turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from pellucid.solvers.progress import Map, Progress, Prox, Watch

Solve = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(v, penalty, start) -> argmin_x ½‖y − Hx‖² + penalty / 2 ‖Kx − v‖²; `start` is where to begin."""


def half_quadratic_splitting(
    solve: Solve, prox: Prox, x: Tensor, penalties: Iterable[float], *, watch: Watch | None = None
) -> Tensor:
    """Minimise ½‖y − Hx‖² + R(z) + μ/2 ‖x − z‖² in turns, for a growing μ (survey eq. 4-5).

        z = argmin_z μ/2 ‖x − z‖² + R(z),      x = argmin_x ½‖y − Hx‖² + μ/2 ‖x − z‖².

    Parameters
    ----------
    solve
        The step of the data; K is the identity.
    prox
        (v, s) -> argmin_z ½‖z − v‖² + s R(z).
    x
        Where to start, shape (batch, channel, *space).
    penalties
        μ of every iteration. For any one of them the limit minimises ½‖y − Hx‖² + the Moreau envelope of R, which
        tends to R as μ grows.
    watch
        Told of (iteration, ‖x − z‖ / ‖x‖).

    Returns
    -------
    Tensor
        x.

    References
    ----------
    Geman, Yang, "Nonlinear image recovery with half-quadratic regularization", 1995.
    """
    penalties = list(penalties)
    progress = Progress(len(penalties), 0.0, watch)
    for k, penalty in enumerate(penalties):
        mu = torch.as_tensor(penalty, dtype=x.real.dtype, device=x.device)
        z = prox(x, 1 / mu)
        x = solve(z, mu, x)
        if progress.due(k):
            progress.settled(k, x - z, x)
    return x


def admm(
    solve: Solve,
    prox: Prox,
    x: Tensor,
    penalty: Tensor,
    *,
    analyse: Map = torch.positive,
    iterations: int,
    tolerance: float = 0.0,
    watch: Watch | None = None,
) -> Tensor:
    """Minimise ½‖y − Hx‖² + R(Kx) by the alternating direction method of multipliers.

        x = argmin_x ½‖y − Hx‖² + ρ/2 ‖Kx − z + u‖²,   z = prox_{R/ρ}(Kx + u),   u ← u + Kx − z.

    Parameters
    ----------
    solve
        The step of the data.
    prox
        (v, s) -> argmin_z ½‖z − v‖² + s R(z).
    x
        Where to start, shape (batch, channel, *space).
    penalty
        ρ > 0, broadcastable to x and to Kx; the iteration converges for any.
    analyse
        K; the identity unless given.
    iterations, tolerance, watch
        At most so many; until the relative change of x is as small; who is told.

    Returns
    -------
    Tensor
        x.

    References
    ----------
    Boyd, Parikh, Chu, Peleato, Eckstein, "Distributed optimization and statistical learning via the alternating
    direction method of multipliers", 2011, section 3.1.1.
    """
    progress = Progress(iterations, tolerance, watch)
    z = analyse(x)
    u = torch.zeros_like(z)
    for k in range(iterations):
        last, x = x, solve(z - u, penalty, x)
        image = analyse(x)
        z = prox(image + u, 1 / penalty)
        u = u + image - z
        if progress.due(k) and progress.settled(k, x - last, x):
            break
    return x
