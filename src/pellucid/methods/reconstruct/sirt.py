"""Simultaneous iterative reconstruction."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.strength import COUNTS, Rule, chosen, rays
from pellucid.restorers import Units
from pellucid.restorers.least_squares import linear
from pellucid.solvers import sirt as solver

CARD = Card(
    title="Simultaneous iterative reconstruction (SIRT)",
    needs="measurements",
    assumes="rays: an instrument whose weights are not negative",
    independent=False,
    stabilise=False,
    gives="image",
    equation="x ← x + C H* R (y − Hx), R = 1/H1, C = 1/H*1, a chosen number of times",
    paper="Gilbert, J. Theor. Biol. 1972; Gregor, Benson, IEEE TMI 2008",
)


def sirt(
    example: Measurement,
    *,
    rng: torch.Generator,
    iterations: int | None = None,
    positive: bool = False,
    rule: Rule = "held_out",
) -> Method:
    """Correct an image by the back-projected errors of its rays: x ← x + C H* R (y − Hx), R = 1/H1, C = 1/H*1.

    Parameters
    ----------
    example
        The measurement, real, of a linear instrument whose weights are not negative.
    rng
        Draws what is held out.
    iterations
        More of them find more detail, and more noise. Chosen by `rule` unless given.
    positive
        Whether the image is known to be not negative.
    rule
        ``held_out``: the number that predicts hidden measurements best. ``sure``, ``discrepancy``: where the noise
        is known.

    Returns
    -------
    Method
        Without stages.

    Raises
    ------
    InputError
        Where the instrument is not linear, or has negative weights.

    References
    ----------
    Gilbert, "Iterative methods for the three-dimensional reconstruction of an object from projections", 1972.
    """
    known = Units.of(example)
    rays(example, CARD)

    def solve(given: Measurement, strength: float, start: Tensor | None) -> Tensor:
        operator, y = linear(given), given.y / known.image
        x = solver(
            operator,
            operator.adjoint,
            y,
            torch.zeros_like(operator.adjoint(y)) if start is None else start / known.image,
            constrain=lambda x: x.clamp(min=0) if positive else x,
            iterations=round(strength),
        )
        return x * known.image

    return chosen(example, solve, CARD, rng, strength=iterations, rule=rule, strengths=COUNTS, counted=True)
