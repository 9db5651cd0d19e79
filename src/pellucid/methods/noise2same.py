"""Noise2Same."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from pellucid._math.ranks import shared_mean, shared_root
from pellucid.data.fill import Donut, Fill, Noise
from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.data.splits import BlindSpot, Hiding
from pellucid.methods.method import Card, Method, Stage
from pellucid.methods.recipe import enhancer, patch_size
from pellucid.objectives import Objective
from pellucid.restorers import Flips, Restorer
from pellucid.training import Adam

CARD = Card(
    title="Noise2Same",
    needs="image",
    assumes="noise that is independent from pixel to pixel, with zero mean",
    independent=True,
    stabilise=True,
    gives="image",
    equation="min_θ ‖F_θ(y) − y‖² / m + 2 s (E_J ‖F_θ(y)_J − F_θ(y with J replaced)_J‖² / |J|)^½",
    paper="Xie, Wang, Ji, NeurIPS 2020",
)
_FILLS: dict[str, type[Fill]] = {"donut": Donut, "random": Noise}


class Invariance(Objective[Restorer]):
    """L = mean (F(y) − y)² + λ (mean over J of (F(y) − F(y with J replaced))²)^½, a bound for λ = 2 s.

    If noise of variance s² is independent from pixel to pixel, F(y with J replaced)_J does not depend on that in J, so

        E‖F(y) − x‖² + E‖y − x‖² = E‖F(y) − y‖² + 2 Σ_i E Cov(F(y)_i, y_i | x)
                                 ≤ E‖F(y) − y‖² + 2 s m (E_J ‖F(y)_J − F(y with J replaced)_J‖² / |J|)^½

    over m pixels, by the inequality of Cauchy and Schwarz for the covariance in J (the theorem of the paper).

    Parameters
    ----------
    split
        Draws J and replaces it.
    strength
        λ.

    Notes
    -----
    The root is that of the mean over the whole batch, and over all ranks.
    """

    def __init__(self, split: Hiding, strength: float) -> None:
        super().__init__()
        self.split, self.strength = split, strength

    def terms(self, model: Restorer, batch: Measurement, step: Step) -> dict[str, Tensor]:
        """Return the distance to the data and the weighted root of what the pixels in J change."""
        given, held = self.split(batch, step.rng)
        seen, blind = (model(part, step.rng).float() for part in (batch, given))
        weight = torch.ones_like(batch.y) if batch.weight is None else batch.weight.expand_as(batch.y).to(batch.y)
        assert held.weight is not None
        far = shared_mean((weight * (seen - batch.y).square()).sum(), weight.sum())
        change = shared_root((held.weight * (seen - blind).square()).sum(), held.weight.sum())
        return {"reconstruction": far, "invariance": self.strength * change}


def noise2same(
    example: Measurement,
    *,
    rng: torch.Generator,
    strength: float = 2.0,
    replacement: Literal["donut", "random"] = "donut",
    fraction: float = 0.005,
    features: int = 16,
    depth: int = 2,
    patch: int = 96,
    batch: int = 6,
    rate: float = 1e-3,
    flips: bool = False,
) -> Method:
    """Learn a function that sees all pixels, and is punished for what it copies from each.

    min_θ E‖F_θ(y) − y‖² / m + λ (E_J ‖F_θ(y)_J − F_θ(y with J replaced)_J‖² / |J|)^½. With λ = 2 s this bounds the
    supervised risk plus the noise variance s² from above. F is not made J-invariant, as that of Noise2Self (survey
    eq. 15) is; what it may take from a pixel is traded against what that costs.

    Parameters
    ----------
    example
        Data of shape (batch, channel, *space), standardised; with its noise model where that is known.
    rng
        Draws the first weights; on the CPU.
    strength
        λ in units of s, the standard deviation of the noise; 2 is the bound. Where the noise is not known, s is one:
        the standard deviation of the data, which s cannot exceed.
    replacement
        What the network sees in J: the mean of the adjacent pixels, or random numbers.
    fraction
        Part of the pixels in J.
    features, depth
        Of the U-Net.
    patch, batch, rate
        Patch size, patches a step, learning rate.
    flips
        Average the answers over the eight symmetries of the plane.

    Returns
    -------
    Method
        Its restorer is one pass over the data as they are.

    Notes
    -----
    The paper scales every image to zero mean and unit variance. Here one scale serves the whole data set, at training
    and ever after, so that brightness can be compared between images; and λ follows the noise, where the paper's 2
    takes s for its upper limit of one (its public settings reach down to 0.95). Random replacements have the variance
    of the data.

    References
    ----------
    Xie, Wang, Ji, "Noise2Same: optimizing a self-supervised bound for image denoising", NeurIPS 2020.
    """
    model = enhancer(example, rng, features=features, depth=depth, variance=False)
    sigma = 1.0 if example.noise is None else float(example.noise.variance(example.y).mean().sqrt())
    stage = Stage(
        model=model,
        objective=Invariance(BlindSpot(fraction, _FILLS[replacement]()), strength * sigma),
        patch=patch_size(example, patch, depth),
        batch=batch,
        adam=Adam(rate=rate),
    )
    return Method(model=model, restorer=Flips(model) if flips else model, stages=(stage,), card=CARD)
