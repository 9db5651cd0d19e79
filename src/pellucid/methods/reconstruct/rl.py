"""Richardson-Lucy deconvolution."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.strength import COUNTS, Rule, chosen, counts, even
from pellucid.restorers.least_squares import linear
from pellucid.solvers import richardson_lucy

CARD = Card(
    title="Richardson-Lucy with total variation",
    needs="measurements",
    assumes="Poisson counts in any unit; an instrument whose weights are not negative",
    independent=False,
    stabilise=False,
    gives="image",
    equation="x ← x / (H*1 (1 − λ div(∇x/|∇x|))) · H*(y / Hx), a chosen number of times",
    paper="Richardson 1972; Lucy 1974; Dey et al., Microsc. Res. Tech. 2006",
)


def rl(
    example: Measurement,
    *,
    rng: torch.Generator,
    iterations: int | None = None,
    strength: float = 0.002,
    rule: Rule = "held_out",
) -> Method:
    """Deconvolve counts: x ← x / (H*1 (1 − λ div(∇x/|∇x|))) · H*(y / Hx).

    Parameters
    ----------
    example
        The measurement: counts, through a linear instrument whose weights are not negative, such as a blur.
    rng
        Draws what is held out.
    iterations
        More of them find more detail, and more noise. Chosen by `rule` unless given.
    strength
        λ of the total variation, without units, below 0.15; that of the paper unless given.
    rule
        ``held_out``: the number that predicts hidden pixels best. ``sure``, ``discrepancy``: where the noise is known.

    Returns
    -------
    Method
        Without stages.

    Raises
    ------
    InputError
        Where the data cannot be counts, the instrument has negative weights, or λ is too large.

    Notes
    -----
    Values below zero, from read noise around a dark background, count as zero. The first image is constant. All
    measurements count alike.

    References
    ----------
    Richardson, "Bayesian-based iterative method of image restoration", 1972. Lucy, "An iterative technique for the
    rectification of observed distributions", 1974. Dey, Blanc-Féraud, Zimmer et al., "Richardson-Lucy algorithm with
    total variation regularization for 3D confocal microscope deconvolution", 2006.
    """
    counts(example, CARD)
    if not strength < 1 / 6:
        raise InputError(
            f"The total variation of Richardson-Lucy diverges at a strength of {strength}: stay below 0.15."
        )

    def solve(given: Measurement, count: float, start: Tensor | None) -> Tensor:
        operator, y = linear(given), given.y.clamp(min=0)
        first = even(operator, y) if start is None else start
        return richardson_lucy(operator, operator.adjoint, y, first, strength=strength, iterations=round(count))

    return chosen(example, solve, CARD, rng, strength=iterations, rule=rule, strengths=COUNTS, counted=True)
