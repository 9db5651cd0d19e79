"""Conjugate gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.solvers.progress import Map, Progress, Watch, inner, ratio


def conjugate_gradient(
    normal: Map,
    b: Tensor,
    *,
    x: Tensor | None = None,
    iterations: int,
    tolerance: float = 0.0,
    watch: Watch | None = None,
) -> Tensor:
    """Solve A x = b for a Hermitian positive (semi-)definite A, each sample of the batch by itself.

    Parameters
    ----------
    normal
        A; such as x -> H* H x + μ x.
    b
        Right-hand side, shape (batch, channel, *space), real or complex.
    x
        Where to start; zero unless given.
    iterations
        At most; exactly that many where `tolerance` is zero: for unrolling, since every step can be differentiated.
    tolerance
        Of the residual, ‖b − A x‖ / ‖b‖.
    watch
        Told of (iteration, relative residual) now and then.

    Returns
    -------
    Tensor
        x, the solution of least norm where A is singular, b in its range and the start zero.

    References
    ----------
    Hestenes, Stiefel, "Methods of conjugate gradients for solving linear systems", 1952.

    Examples
    --------
    >>> import torch
    >>> conjugate_gradient(lambda x: 4 * x, torch.ones(1, 1, 2), iterations=1).tolist()
    [[[0.25, 0.25]]]
    """
    progress = Progress(iterations, tolerance, watch)
    x, r = (torch.zeros_like(b), b) if x is None else (x, b - normal(x))
    p, rr = r, inner(r, r)
    for k in range(iterations):
        q = normal(p)
        alpha = ratio(rr, inner(p, q))
        x, r = x + alpha * p, r - alpha * q
        last, rr = rr, inner(r, r)
        p = r + ratio(rr, last) * p
        if progress.due(k) and progress.settled(k, r, b):
            break
    return x
