"""Least squares with sparse wavelets."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.strength import Rule, chosen
from pellucid.restorers import LeastSquares, Units
from pellucid.solvers import fista
from pellucid.solvers.sparsity import Wavelet

CARD = Card(
    title="Wavelet sparsity",
    needs="measurements",
    assumes="noise of one strength; artefacts that are incoherent in the wavelet basis",
    independent=False,
    stabilise=False,
    gives="image",
    equation="min_x ½‖y − Hx‖² + λ ‖Wx‖₁, W an orthonormal wavelet transform",
    paper="Daubechies, Defrise, De Mol, CPAM 2004; Lustig, Donoho, Pauly, MRM 2007",
)


def wavelet(
    example: Measurement,
    *,
    rng: torch.Generator,
    strength: float | None = None,
    iterations: int = 200,
    tolerance: float = 1e-4,
    basis: Literal["haar", "db2", "db4", "db8", "sym4", "sym8", "coif2"] = "db4",
    levels: int = 4,
    shifts: bool = True,
    rule: Rule = "held_out",
) -> Method:
    """Find the image with sparse wavelets that explains the data: min_x ½‖y − Hx‖² + λ ‖Wx‖₁.

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
    basis, levels
        The orthogonal wavelet, by its name in PyWavelets; how often the image is halved.
    shifts
        Whether the proximal map is averaged over two places of the basis, a third of a coarse wavelet apart along all
        axes: twice the work on the image, fewer blocks in it.
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
    Daubechies, Defrise, De Mol, "An iterative thresholding algorithm for linear inverse problems with a sparsity
    constraint", 2004. Lustig, Donoho, Pauly, "Sparse MRI", Magnetic Resonance in Medicine 58, 2007.
    """
    known, prior = Units.of(example), Wavelet(basis, levels)

    def prox(v: Tensor, strength: Tensor) -> Tensor:
        dims, third = tuple(range(2, v.ndim)), 2**levels // 3  # 0101 in binary: off the grid of every level
        moved = prior.prox(v.roll([third] * len(dims), dims), strength).roll([-third] * len(dims), dims)
        return (prior.prox(v, strength) + moved) / 2

    def solve(given: Measurement, strength: float, start: Tensor | None) -> Tensor:
        problem = LeastSquares(given, known.on(given))
        back = problem.back()
        x = fista(
            lambda x: problem.normal(x) - back,
            lambda v, step: (prox if shifts else prior.prox)(v, strength * step),
            problem.first() if start is None else start / known.image,
            torch.ones((), dtype=back.real.dtype, device=back.device),
            iterations=iterations,
            tolerance=tolerance,
        )
        return x * known.image

    return chosen(example, solve, CARD, rng, strength=strength, rule=rule)
