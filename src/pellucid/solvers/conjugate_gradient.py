"""Conjugate gradients."""

from __future__ import annotations

from typing import Any

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
    floor = torch.finfo(b.dtype).eps ** 2 * inner(b, b).detach()  # a sample whose residual is rounding has converged
    p, rr = r, _above(floor, inner(r, r))
    for k in range(iterations):
        q = normal(p)
        alpha = ratio(rr, inner(p, q))
        x, r = x + alpha * p, r - alpha * q
        last, rr = rr, _above(floor, inner(r, r))
        p = r + ratio(rr, last) * p
        if progress.due(k) and progress.settled(k, r, b):
            break
    return x


def implicit_conjugate_gradient(normal: Map, b: Tensor, *, x: Tensor | None = None, iterations: int) -> Tensor:
    """Solve A x = b as `conjugate_gradient` does; differentiate the solution and not the way to it.

    A x = b gives dx = A⁻¹ (db − dA x), whatever b and A depend on: the backward pass solves with A once more.

    Parameters
    ----------
    normal
        A, Hermitian positive definite.
    b
        Right-hand side, shape (batch, channel, *space), real or complex.
    x
        Where to start; zero unless given. No gradient reaches it: the solution does not depend on it.
    iterations
        Of each of the two solutions, the second from zero.

    Returns
    -------
    Tensor
        x.

    Notes
    -----
    Nothing of the iteration is kept. The gradient is that of the minimiser, so it is as exact as both solutions are;
    it can be taken once.

    References
    ----------
    Aggarwal, Mani, Jacob, "MoDL: model-based deep learning architecture for inverse problems", IEEE TMI 38, 2019.

    Examples
    --------
    >>> import torch
    >>> mu = torch.tensor(4.0, requires_grad=True)
    >>> x = implicit_conjugate_gradient(lambda v: mu * v, torch.ones(1, 1, 2), iterations=1)
    >>> torch.autograd.grad(x.sum(), mu)[0].item()  # d/dµ of 2 / µ
    -0.125
    """
    with torch.no_grad():
        x = conjugate_gradient(normal, b, x=x, iterations=iterations)
    solved: Tensor = _Solution.apply(b - normal(x), x, normal, iterations)  # type: ignore[no-untyped-call]
    return solved


def _above(floor: Tensor, rr: Tensor) -> Tensor:
    return torch.where(rr > floor, rr, 0)


class _Solution(torch.autograd.Function):
    """(b − A x, x) → x, with the derivative A⁻¹ of the solution in the residual."""

    @staticmethod
    def forward(ctx: Any, residual: Tensor, x: Tensor, normal: Map, iterations: int) -> Tensor:
        ctx.normal, ctx.iterations = normal, iterations
        return x.view_as(x)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        return conjugate_gradient(ctx.normal, gradient, iterations=ctx.iterations), None, None, None
