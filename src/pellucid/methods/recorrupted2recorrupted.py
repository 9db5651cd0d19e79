"""Recorrupted-to-Recorrupted."""

from __future__ import annotations

import torch

from pellucid.data.measurement import Measurement
from pellucid.data.recorruption import Recorruption
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method, Stage
from pellucid.methods.recipe import enhancer, patch_size
from pellucid.objectives import HeldOut, gaussian, squared
from pellucid.restorers import Ensemble, Flips, Restorer
from pellucid.restorers.recorrupted import Recorrupted
from pellucid.training import Adam

CARD = Card(
    title="Recorrupted-to-Recorrupted",
    needs="image",
    assumes="noise that is independent from pixel to pixel, Gaussian, and of known strength",
    independent=True,
    stabilise=True,
    gives="image, spread",
    equation="min_θ E‖F_θ(y₁) − y₂‖², y₁ = y + sqrt(α / (1 − α)) w, y₂ = y − sqrt((1 − α) / α) w",
    paper="Pang, Zheng, Quan, Ji, CVPR 2021; other noise: Monroy, Bacca, Tachella, CVPR 2025",
)


def recorrupted2recorrupted(
    example: Measurement,
    *,
    rng: torch.Generator,
    alpha: float = 0.15,
    variance: bool = False,
    draws: int = 4,
    features: int = 16,
    depth: int = 2,
    patch: int = 96,
    batch: int = 6,
    rate: float = 1e-3,
    flips: bool = True,
) -> Method:
    """Learn to predict one of two images with independent noise, made from one, from the other.

    E‖F(y₁) − y₂‖² = E‖F(y₁) − x‖² + E‖y₂ − x‖²: Noise2Noise on pairs that noise of the same kind, w, makes of a single
    image. As α tends to 0 the loss, less the variance of y₂, tends to Stein's risk of F(y).

    Parameters
    ----------
    example
        Data of shape (batch, channel, *space), standardised, with its noise model.
    rng
        Draws the first weights; on the CPU.
    alpha
        Part of the data that is held; below 1. The variance of y₁ is 1 / (1 − alpha) times that of y, the variance of
        the target 1 / alpha times.
    variance
        Predict a mean and a variance from y₁, and use y₂ too, through its Gaussian posterior.
    draws
        The image is the mean over so many re-corruption draws, at least 2.
    features, depth
        Of the U-Net.
    patch, batch, rate
        Patch size, patches a step, learning rate.
    flips
        Average the answers over the eight symmetries of the plane.

    Returns
    -------
    Method
        Its spread is the standard deviation of the answers over re-corruption draws: a disagreement, over noise of
        α / (1 − α) times the variance of the data's, in which errors that all answers share do not show. With
        `variance` it is that of the posterior.

    Raises
    ------
    InputError
        Where the image is smaller than the network's need, or settings are outside their range.

    Notes
    -----
    Noise whose strength depends on the signal is stabilised first. Data that keep their Poisson or Gamma noise are
    split by binomial and Beta thinning, as `Recorruption` says; the noise model's numbers are part of that.

    References
    ----------
    Pang, Zheng, Quan, Ji, "Recorrupted-to-Recorrupted: unsupervised deep learning for image denoising", CVPR 2021.
    Monroy, Bacca, Tachella, "Generalized Recorrupted-to-Recorrupted: self-supervised learning beyond Gaussian noise",
    CVPR 2025.
    """
    if draws < 2:
        raise InputError(f"Re-corruption needs two draws or more for their mean and deviation; draws={draws} is fewer.")
    split = Recorruption(alpha)
    model = enhancer(example, rng, features=features, depth=depth, variance=variance)
    restorer: Restorer
    if variance:
        restorer = Recorrupted(model, split, draws)
        restorer = Flips(restorer) if flips else restorer
    else:
        restorer = Ensemble(Flips(model) if flips else model, split, draws)
    return Method(
        model=model,
        restorer=restorer,
        stages=(
            Stage(
                model=model,
                objective=HeldOut(split, gaussian if variance else squared),
                patch=patch_size(example, patch, depth),
                batch=batch,
                adam=Adam(rate=rate),
            ),
        ),
        card=CARD,
    )
