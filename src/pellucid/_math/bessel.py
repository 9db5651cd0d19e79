"""Bessel functions of the first kind that can be differentiated as often as one likes.

The values are SciPy's: those of torch 2.13 are wrong by 4e-7 in double precision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from scipy import special
from torch import Tensor


class _Order0(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return _evaluated(special.j0, x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient: Tensor = -grad * j1(x)
        return gradient


class _Order1(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return _evaluated(special.j1, x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient: Tensor = grad * (j0(x) - j1_over(x))
        return gradient


def _evaluated(function: Callable[[Any], Any], x: Tensor) -> Tensor:
    return torch.as_tensor(function(x.detach().cpu().numpy())).to(x)


def j0(x: Tensor) -> Tensor:
    """Return J0(x)."""
    y: Tensor = _Order0.apply(x)  # type: ignore[no-untyped-call]
    return y


def j1(x: Tensor) -> Tensor:
    """Return J1(x)."""
    y: Tensor = _Order1.apply(x)  # type: ignore[no-untyped-call]
    return y


def j2(x: Tensor) -> Tensor:
    """Return J2(x) = 2 J1(x) / x - J0(x).

    Examples
    --------
    >>> round(j2(torch.tensor(3.0, dtype=torch.float64)).item(), 6)
    0.486091
    """
    return 2 * j1_over(x) - j0(x)


def j1_over(x: Tensor) -> Tensor:
    """Return J1(x) / x, which is 1/2 at zero."""
    small = x.abs() < 1e-3
    far = torch.where(small, 1.0, x)
    return torch.where(small, 0.5 - x**2 / 16, j1(far) / far)
