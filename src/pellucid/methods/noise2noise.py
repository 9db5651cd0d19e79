"""Noise2Noise."""

from __future__ import annotations

from typing import Literal

import torch

from pellucid.data.measurement import Measurement
from pellucid.data.splits import Repeats
from pellucid.methods.method import Card, Method, Stage
from pellucid.methods.recipe import enhancer, patch_size
from pellucid.objectives import HeldOut, absolute, gaussian, squared
from pellucid.restorers import Flips, Shots
from pellucid.training import Adam

CARD = Card(
    title="Noise2Noise",
    needs="repeats",
    assumes="noise that is independent between the two recordings, with zero mean (loss=l1: zero median)",
    independent=False,
    stabilise=False,
    gives="image; with variance=true also spread",
    equation="min_θ Σ_n ‖F_θ(y_n) − ŷ_n‖², y and ŷ two recordings of one object",
    paper="Lehtinen et al., ICML 2018; exchange and mean of both as in cryo-CARE (Buchholz et al., ISBI 2019)",
)


def noise2noise(
    example: Measurement,
    *,
    rng: torch.Generator,
    loss: Literal["l2", "l1"] = "l2",
    variance: bool = False,
    features: int = 32,
    depth: int = 2,
    patch: int = 64,
    batch: int = 16,
    rate: float = 1e-3,
    flips: bool = False,
) -> Method:
    """Learn to predict one noisy recording of an object from another.

    min_θ E‖F_θ(y) − ŷ‖² = min_θ E‖F_θ(y) − x‖² + E‖ŵ‖² (survey eq. 8-10), for noise ŵ of zero mean that is
    independent of y: the minimiser is that of the supervised risk.

    Parameters
    ----------
    example
        Data of shape (batch, channel, *space), standardised; with its noise model where a variance is wanted.
    rng
        Draws the first weights; on the CPU.
    loss
        ``l2`` tends to the mean of x given y; ``l1`` to the median of ŷ given y, for outliers.
    variance
        Predict a mean and a variance from one recording, and use the other through its Gaussian posterior.
    features, depth
        Of the U-Net.
    patch, batch, rate
        Patch size, patches a step, learning rate.
    flips
        Average the answers over the eight symmetries of the plane.

    Returns
    -------
    Method
        Its restorer answers for each recording it is given and returns the mean.

    Raises
    ------
    InputError
        Where the image is smaller than the network's need.

    Notes
    -----
    The network may see the pixel that it restores: a U-Net with its finest skip, that predicts what to change.

    References
    ----------
    Lehtinen et al., "Noise2Noise: learning image restoration without clean data", ICML 2018.
    """
    distance = {"l2": squared, "l1": absolute}[loss]
    model = enhancer(example, rng, features=features, depth=depth, variance=variance, original=True)
    restorer = Shots(model, channels=example.y.shape[1])
    return Method(
        model=model,
        prior=Flips(model) if flips else model,
        restorer=Flips(restorer) if flips else restorer,
        split=Repeats(),
        stages=(
            Stage(
                model=model,
                objective=HeldOut(Repeats(), gaussian if variance else distance),
                patch=patch_size(example, patch, depth),
                batch=batch,
                adam=Adam(rate=rate),
            ),
        ),
        card=CARD,
    )
