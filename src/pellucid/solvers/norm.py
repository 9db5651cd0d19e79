"""Operator norms by power iteration: where step sizes come from."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.solvers.progress import Map, inner, ratio


def lipschitz(normal: Map, like: Tensor, *, iterations: int = 20) -> Tensor:
    """Return the largest eigenvalue of a Hermitian A >= 0 for each sample: the Lipschitz constant of x -> A x.

    Parameters
    ----------
    normal
        A; for A = H* H the result is ‖H‖².
    like
        An image of the shape (batch, channel, *space), type and device that A takes; its values do not matter.
    iterations
        Of the power method.

    Returns
    -------
    Tensor
        Real, shape (batch, 1, ..., 1).

    Notes
    -----
    The Rayleigh quotient ρ of a unit vector v approaches the eigenvalue from below, and some eigenvalue lies within
    ‖A v − ρ v‖ of it. The sum of both is returned, so that a step of its inverse is not too long. The start is random,
    from a seed of its own: the same for the same shape.

    Examples
    --------
    >>> import torch
    >>> lipschitz(lambda x: 9 * x, torch.zeros(1, 1, 4)).flatten().tolist()
    [9.0]
    """
    rng = torch.Generator(like.device).manual_seed(0)
    v = torch.randn(like.shape, generator=rng, dtype=like.dtype, device=like.device)
    v = v / inner(v, v).sqrt()
    with torch.no_grad():
        for _ in range(iterations):
            w = normal(v)
            v = w * ratio(torch.ones_like(inner(w, w)), inner(w, w).sqrt())
        w = normal(v)
        rho = inner(v, w)
        residual = w - rho * v
        return rho + inner(residual, residual).sqrt()
