"""Gradient descent and its proximal and accelerated kin."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.solvers.progress import Map, Progress, Prox, Watch, inner


def gradient_descent(
    gradient: Map, x: Tensor, step: Tensor, *, iterations: int, tolerance: float = 0.0, watch: Watch | None = None
) -> Tensor:
    """Minimise a smooth c(x): x ← x − η ∇c(x) (survey eq. 3).

    Parameters
    ----------
    gradient
        ∇c; for complex x twice the derivative by the conjugate, so that ½‖Hx − y‖² has H*(Hx − y).
    x
        Where to start, shape (batch, channel, *space).
    step
        η, real, (batch or 1, 1, ..., 1): one over the Lipschitz constant of the gradient, `lipschitz`.
    iterations, tolerance, watch
        At most so many; until the relative change of an iteration is as small; who is told.

    Returns
    -------
    Tensor
        x.
    """
    return proximal_gradient(gradient, _nothing, x, step, iterations=iterations, tolerance=tolerance, watch=watch)


def proximal_gradient(
    gradient: Map,
    prox: Prox,
    x: Tensor,
    step: Tensor,
    *,
    iterations: int,
    tolerance: float = 0.0,
    watch: Watch | None = None,
) -> Tensor:
    """Minimise c(x) + R(x) with a smooth c: x ← prox_ηR(x − η ∇c(x)).

    Parameters
    ----------
    gradient, x, step, iterations, tolerance, watch
        As for `gradient_descent`.
    prox
        (v, η) -> argmin_x ½‖x − v‖² + η R(x).

    Returns
    -------
    Tensor
        x.

    References
    ----------
    Combettes, Wajs, "Signal recovery by proximal forward-backward splitting", 2005.
    """
    progress = Progress(iterations, tolerance, watch)
    for k in range(iterations):
        last, x = x, prox(x - step * gradient(x), step)
        if progress.due(k) and progress.settled(k, x - last, x):
            break
    return x


def fista(
    gradient: Map,
    prox: Prox,
    x: Tensor,
    step: Tensor,
    *,
    iterations: int,
    tolerance: float = 0.0,
    watch: Watch | None = None,
) -> Tensor:
    """Minimise c(x) + R(x) as `proximal_gradient` does, with momentum.

        x_k = prox_ηR(z_k − η ∇c(z_k)),   z_{k+1} = x_k + (t_k − 1) / t_{k+1} (x_k − x_{k−1}),
        t_{k+1} = (1 + √(1 + 4 t_k²)) / 2,

    where t starts again from one in each sample whose momentum points uphill, (z_k − x_k)·(x_k − x_{k−1}) > 0.

    Parameters
    ----------
    gradient, prox, x, step, iterations, tolerance, watch
        As for `proximal_gradient`.

    Returns
    -------
    Tensor
        x.

    References
    ----------
    Beck, Teboulle, "A fast iterative shrinkage-thresholding algorithm for linear inverse problems", 2009.
    O'Donoghue, Candès, "Adaptive restart for accelerated gradient schemes", 2015.
    """
    progress = Progress(iterations, tolerance, watch)
    z, t = x, torch.ones_like(inner(x, x))
    for k in range(iterations):
        last, x = x, prox(z - step * gradient(z), step)
        move = x - last
        t = torch.where(inner(z - x, move) > 0, 1.0, t)
        later = (1 + (1 + 4 * t.square()).sqrt()) / 2
        z, t = x + (t - 1) / later * move, later
        if progress.due(k) and progress.settled(k, move, x):
            break
    return x


def _nothing(v: Tensor, step: Tensor) -> Tensor:
    """Return v: the proximal map of R = 0."""
    return v
