"""Maximum likelihood for counts."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.strength import COUNTS, Rule, chosen, counts, even
from pellucid.restorers.least_squares import linear
from pellucid.solvers import mlem as solver

CARD = Card(
    title="Maximum likelihood (MLEM)",
    needs="measurements",
    assumes="Poisson counts in any unit; an instrument whose weights are not negative",
    independent=False,
    stabilise=False,
    gives="image",
    equation="x ← x / H*1 · H*(y / Hx), a chosen number of times",
    paper="Shepp, Vardi, IEEE TMI 1982",
)


def mlem(
    example: Measurement, *, rng: torch.Generator, iterations: int | None = None, rule: Rule = "held_out"
) -> Method:
    """Raise the likelihood of counts by expectation maximisation: x ← x / H*1 · H*(y / Hx).

    Parameters
    ----------
    example
        The measurement: counts, through a linear instrument whose weights are not negative.
    rng
        Draws what is held out.
    iterations
        More of them find more detail, and more noise. Chosen by `rule` unless given.
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
        Where the data cannot be counts, or the instrument has negative weights.

    Notes
    -----
    Values below zero, from read noise around a dark background, count as zero. The first image is constant. All
    measurements count alike.

    References
    ----------
    Shepp, Vardi, "Maximum likelihood reconstruction for emission tomography", IEEE Transactions on Medical Imaging 1,
    1982.
    """
    counts(example, CARD)

    def solve(given: Measurement, strength: float, start: Tensor | None) -> Tensor:
        operator, y = linear(given), given.y.clamp(min=0)
        first = even(operator, y) if start is None else start
        return solver(operator, operator.adjoint, y, first, iterations=round(strength))

    return chosen(example, solve, CARD, rng, strength=iterations, rule=rule, strengths=COUNTS, counted=True)
