"""Least squares by conjugate gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.strength import STRENGTHS, Rule, chosen
from pellucid.restorers import LeastSquares, Units
from pellucid.solvers import conjugate_gradient

CARD = Card(
    title="Tikhonov least squares",
    needs="measurements",
    assumes="noise of one strength",
    independent=False,
    stabilise=False,
    gives="image",
    equation="min_x ½‖y − Hx‖² + λ/2 ‖x‖²",
    paper="Tikhonov 1963; Hestenes, Stiefel 1952; CG-SENSE: Pruessmann, Weiger, Börnert, Boesiger, MRM 2001",
)


def cg(
    example: Measurement,
    *,
    rng: torch.Generator,
    strength: float | None = None,
    iterations: int = 100,
    rule: Rule = "held_out",
) -> Method:
    """Find the image of least squares, with a penalty on its energy: min_x ½‖y − Hx‖² + λ/2 ‖x‖².

    Parameters
    ----------
    example
        The measurement, of a linear instrument.
    rng
        Draws what is held out.
    strength
        λ / ‖H‖², without units; chosen by `rule` unless given.
    iterations
        Of conjugate gradients, at most; they end at a residual of 1e-5.
    rule
        ``held_out``: the strength that predicts hidden measurements best. ``sure``, ``discrepancy``: where the noise
        is known.

    Returns
    -------
    Method
        Without stages.

    Raises
    ------
    InputError
        Where the instrument is not linear.

    References
    ----------
    Pruessmann, Weiger, Börnert, Boesiger, "Advances in sensitivity encoding with arbitrary k-space trajectories",
    Magnetic Resonance in Medicine 46, 2001.
    """
    known = Units.of(example)

    def solve(given: Measurement, strength: float, start: Tensor | None) -> Tensor:
        problem = LeastSquares(given, known.on(given))
        x = conjugate_gradient(
            lambda x: problem.normal(x) + strength * x,
            problem.back(),
            x=None if start is None else start / known.image,
            iterations=iterations,
            tolerance=1e-5,
        )
        return x * known.image

    return chosen(example, solve, CARD, rng, strength=strength, rule=rule, strengths=STRENGTHS[1:])
