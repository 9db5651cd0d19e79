"""Least squares with total variation."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.strength import Rule, chosen
from pellucid.restorers import LeastSquares, Units
from pellucid.solvers import fista
from pellucid.solvers.total_variation import TotalVariation

CARD = Card(
    title="Total variation",
    needs="measurements",
    assumes="noise of one strength; flat regions with edges",
    independent=False,
    stabilise=False,
    gives="image",
    equation="min_x ½‖y − Hx‖² + λ Σ_i |∇x|_i",
    paper="Rudin, Osher, Fatemi, Physica D 1992; Beck, Teboulle, IEEE TIP 2009",
)
_INNER = 10  # iterations of the proximal map a step: its dual is warm


def tv(
    example: Measurement,
    *,
    rng: torch.Generator,
    strength: float | None = None,
    iterations: int = 200,
    tolerance: float = 1e-4,
    positive: bool = False,
    rule: Rule = "held_out",
) -> Method:
    """Find the image of small total variation that explains the data: min_x ½‖y − Hx‖² + λ Σ_i |∇x|_i (survey eq. 2).

    Parameters
    ----------
    example
        The measurement, of a linear instrument.
    rng
        Draws what is held out.
    strength
        λ / max |H* y|, without units; chosen by `rule` unless given.
    iterations, tolerance
        Of FISTA, at most; they end at this relative change.
    positive
        Whether the image is known to be real and not negative.
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
    Rudin, Osher, Fatemi, "Nonlinear total variation based noise removal algorithms", Physica D 60, 1992.
    Beck, Teboulle, "Fast gradient-based algorithms for constrained total variation image denoising and deblurring
    problems", IEEE Transactions on Image Processing 18, 2009.
    """
    known = Units.of(example)

    def solve(given: Measurement, strength: float, start: Tensor | None) -> Tensor:
        problem = LeastSquares(given, known.on(given))
        back, prox = problem.back(), TotalVariation(positive=positive).warm(_INNER)
        x = fista(
            lambda x: problem.normal(x) - back,
            lambda v, step: prox(v, strength * step),
            problem.first() if start is None else start / known.image,
            torch.ones((), dtype=back.real.dtype, device=back.device),
            iterations=iterations,
            tolerance=tolerance,
        )
        return x * known.image

    return chosen(example, solve, CARD, rng, strength=strength, rule=rule)
