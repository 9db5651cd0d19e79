"""Noise2Score."""

from __future__ import annotations

from typing import Literal

import torch

from pellucid.data.measurement import Measurement
from pellucid.methods.method import Card, Method, Stage
from pellucid.methods.recipe import enhancer, patch_size
from pellucid.objectives.score_matching import ScoreMatching
from pellucid.restorers import Flips
from pellucid.restorers.tweedie import Score, Tweedie
from pellucid.training import Adam

CARD = Card(
    title="Noise2Score",
    needs="image",
    assumes="noise that is independent from pixel to pixel, and Gaussian; with level=blind of unknown strength",
    independent=True,
    stabilise=True,
    gives="image",
    equation="min_θ E‖σ_a R_θ(y + σ_a u) + u‖²; x̂ = y + s² R_θ(y)",
    paper="Kim, Ye, NeurIPS 2021; score: Lim et al., ICML 2020",
)


def noise2score(
    example: Measurement,
    *,
    rng: torch.Generator,
    level: Literal["diagnosed", "blind"] = "diagnosed",
    poisson: Literal["exact", "exponential"] = "exact",
    first: float = 0.5,
    last: float = 0.25,
    features: int = 16,
    depth: int = 2,
    patch: int = 96,
    batch: int = 6,
    rate: float = 1e-3,
    flips: bool = True,
) -> Method:
    """Learn the score of the noisy data, and take the posterior mean from it by Tweedie's formula.

    R(y) = ∇ log p(y) minimises E‖σ_a R(y + σ_a u) + u‖² as σ_a tends to 0, u standard normal. For Gaussian noise of
    variance s² the mean of x given y is y + s² R(y), whatever the prior of x.

    Parameters
    ----------
    example
        Data of shape (batch, channel, *space), standardised, with its noise model.
    rng
        Draws the first weights; on the CPU.
    level
        Strength of Gaussian noise: ``diagnosed``, that of the noise model; ``blind``, that multiple of it which gives
        the image of least total variation.
    poisson
        Formula for data that keep their Poisson noise: ``exact`` is that of Robbins and estimates the mean of x;
        ``exponential`` is that of the paper and estimates the geometric mean, exp E[log x | y], which is lower.
    first, last
        σ_a at the beginning and at the end of the fit, in standard deviations of the noise.
    features, depth
        Of the U-Net.
    patch, batch, rate
        Patch size, patches a step, learning rate.
    flips
        Average the answers over the eight symmetries of the plane.

    Returns
    -------
    Method
        Of one pass over the data, for each symmetry.

    Raises
    ------
    InputError
        Where the image is smaller than the network's need, or the noise is not known.

    Notes
    -----
    Noise whose strength depends on the signal is stabilised first, and Tweedie's formula for Gaussian noise applied.
    `Tweedie` says what the formulas for Poisson and Gamma noise estimate, where the noise model is one of these.

    The paper anneals σ_a from about half to a hundredth of the noise. The steps between grey levels, and between
    numbers of photons, show at a small σ_a: the score of a density made of spikes is not that of its envelope. So the
    last σ_a is larger. It leaves σ_a² / (s² + σ_a²) of what should go, 6 percent in amplitude.

    The network is that of N2V2, whose answer at the level of the noise model is smooth; with ``blind`` it has the skip
    and the residual path of Noise2Void, for then that level may not be the one at which the image is smooth.

    References
    ----------
    Kim, Ye, "Noise2Score: Tweedie's approach to self-supervised image denoising without clean images", NeurIPS 2021.
    Lim, Courville, Pal, Huang, "AR-DAE: towards unbiased neural entropy gradient estimation", ICML 2020.
    Robbins, "An empirical Bayes approach to statistics", Berkeley Symposium on Mathematical Statistics 1956.
    """
    blind = level == "blind"
    network = enhancer(example, rng, features=features, depth=depth, variance=False, original=blind)
    model = Tweedie(Score(network), poisson, blind=blind).to(example.y.device)
    return Method(
        model=model,
        restorer=Flips(model) if flips else model,
        stages=(
            Stage(
                model=model,
                objective=ScoreMatching(first, last),
                patch=patch_size(example, patch, depth),
                batch=batch,
                adam=Adam(rate=rate),
            ),
        ),
        card=CARD,
    )
