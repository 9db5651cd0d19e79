"""Gradient descent."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.strength import fixed
from pellucid.operators.base import Operator
from pellucid.solvers import fista, lipschitz

CARD = Card(
    title="Gradient descent",
    needs="measurements",
    assumes="nothing of the object; a first image that is not far off, where the instrument is not linear",
    independent=False,
    stabilise=False,
    gives="image",
    equation="min_x ½‖y − H(x)‖² by x ← x − η J* (H(x) − y), J the derivative of H, with momentum",
    paper="survey eq. 3; Nesterov 1983; O'Donoghue, Candès, Found. Comput. Math. 2015",
)
_ROUND = 10  # steps between two looks at the misfit


def gd(example: Measurement, *, rng: torch.Generator, iterations: int = 200, tolerance: float = 1e-4) -> Method:
    """Descend along the gradient of ½‖y − H(x)‖², of instruments that are linear or not.

    x ← x − η J* (H(x) − y), with J the derivative of H at x (survey eq. 3 without R), with momentum.

    Parameters
    ----------
    example
        The measurement.
    rng
        Not used.
    iterations, tolerance
        At most; it ends when ten of them change the image by less than the tolerance, relative to its norm.

    Returns
    -------
    Method
        Without stages.

    Notes
    -----
    It starts at the back-projection. η is one over the norm of J* J there, and is halved, the steps taken back,
    whenever ten steps have raised the misfit.

    References
    ----------
    O'Donoghue, Candès, "Adaptive restart for accelerated gradient schemes", 2015.
    """

    @torch.no_grad()
    def solve(given: Measurement) -> Tensor:
        operator, y = given.operator, given.y
        weight = 1.0 if given.weight is None else given.weight

        def misfit(x: Tensor) -> float:
            return float((weight * (operator(x) - y).abs().square()).sum())

        def gradient(x: Tensor) -> Tensor:
            return operator.linearize(x).adjoint(weight * (operator(x) - y))

        x = operator.backproject(y)
        step = 1 / _curvature(operator, x, weight)
        best = misfit(x)
        for _ in range(0, iterations, _ROUND):
            moved = fista(gradient, lambda v, _: v, x, step, iterations=_ROUND)
            now = misfit(moved)
            if not now <= best:
                step = step / 2
                continue
            change = float((moved - x).norm() / moved.norm())
            x, best = moved, now
            if change <= tolerance:
                break
        return x

    return fixed(solve, CARD)


def _curvature(operator: Operator, x: Tensor, weight: Tensor | float) -> Tensor:
    """Return the norm of J* W J at x for each sample."""
    derivative = operator.linearize(x)
    return lipschitz(lambda v: derivative.adjoint(weight * derivative(v)), x)
