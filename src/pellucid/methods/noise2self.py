"""Noise2Self."""

from __future__ import annotations

from typing import Literal

import torch

from pellucid.data.fill import Donut, Fill, Noise, Zero
from pellucid.data.measurement import Measurement
from pellucid.data.splits import Grid
from pellucid.methods.method import Card, Method, Stage
from pellucid.methods.recipe import enhancer, patch_size
from pellucid.objectives import HeldOut, gaussian, squared
from pellucid.restorers import Flips, PosteriorMean, Restorer, SplitAverage
from pellucid.training import Adam

CARD = Card(
    title="Noise2Self",
    needs="image",
    assumes="noise that is independent from pixel to pixel, with zero mean; with variance=true also Gaussian",
    independent=True,
    stabilise=True,
    gives="image; with inference=posterior also spread",
    equation="min_θ Σ_J ‖F_θ(1_{Jᶜ} y + 1_J κ(y))_J − y_J‖², J the classes of a grid",
    paper="Batson, Royer, ICML 2019; posterior: Laine et al., NeurIPS 2019",
)
_FILLS: dict[str, type[Fill]] = {"donut": Donut, "random": Noise, "zero": Zero}


def noise2self(
    example: Measurement,
    *,
    rng: torch.Generator,
    inference: Literal["posterior", "j_invariant", "single"] = "posterior",
    replacement: Literal["donut", "random", "zero"] = "donut",
    width: int = 4,
    features: int = 16,
    depth: int = 2,
    patch: int = 96,
    batch: int = 6,
    rate: float = 1e-3,
    flips: bool = True,
) -> Method:
    """Learn a J-invariant function from noisy images alone.

    min_θ Σ_J ‖F_θ(1_{Jᶜ} y + 1_J κ(y))_J − y_J‖² (survey eq. 15). For a J-invariant F and noise that is
    independent between J and its complement, E‖F(y) − y‖² = E‖F(y) − x‖² + E‖y − x‖² (eq. 14), so the
    minimiser of the self-supervised risk is that of the supervised one.

    Parameters
    ----------
    example
        Data of shape (batch, channel, *space), standardised, with its noise model.
    rng
        Draws the first weights; on the CPU.
    inference
        ``j_invariant``: every pixel from the pass in which it was hidden. ``single``: one pass over the data as
        they are; sharper, no longer J-invariant. ``posterior``: a variance is learned beside the mean, and the
        seen pixel joins the J-invariant prediction through its Gaussian posterior.
    replacement
        κ: mean of the adjacent pixels, random numbers, or zero.
    width
        Distance of the pixels of one class.
    features, depth
        Of the U-Net.
    patch, batch, rate
        Patch size, patches a step, learning rate.
    flips
        Average the answers over the eight symmetries of the plane.

    Returns
    -------
    Method
        With ``posterior`` the restorer also has a spread.

    Raises
    ------
    InputError
        Where the image is smaller than the network's need, or the noise is not known and ``posterior`` is asked.

    Notes
    -----
    κ leaves every hidden pixel out. The network is that of N2V2.

    References
    ----------
    Batson, Royer, "Noise2Self: blind denoising by self-supervision", ICML 2019.
    Laine, Karras, Lehtinen, Aila, "High-quality self-supervised deep image denoising", NeurIPS 2019.
    """
    posterior = inference == "posterior"
    model = enhancer(example, rng, features=features, depth=depth, variance=posterior)
    split = Grid(width, _FILLS[replacement]())
    restorer: Restorer = model if inference == "single" else SplitAverage(model, split)
    if posterior:
        restorer = PosteriorMean(restorer)
    return Method(
        model=model,
        prior=Flips(model) if flips else model,
        restorer=Flips(restorer) if flips else restorer,
        split=split,
        stages=(
            Stage(
                model=model,
                objective=HeldOut(split, gaussian if posterior else squared),
                patch=patch_size(example, patch, depth),
                batch=batch,
                adam=Adam(rate=rate),
            ),
        ),
        card=CARD,
    )
