"""Noise2Void and N2V2."""

from __future__ import annotations

from typing import Literal

import torch

from pellucid.data.fill import Mean, Median, Neighbours, Uniform, UniformWithCentre
from pellucid.data.measurement import Measurement
from pellucid.data.splits import BlindSpot, Grid
from pellucid.methods.method import Card, Method, Stage
from pellucid.methods.recipe import enhancer, patch_size
from pellucid.objectives import HeldOut, gaussian, squared
from pellucid.restorers import Flips, PosteriorMean, Restorer, SplitAverage
from pellucid.training import Adam

CARD = Card(
    title="Noise2Void (N2V2)",
    needs="image",
    assumes="noise that is independent from pixel to pixel, with zero mean",
    independent=True,
    stabilise=True,
    gives="image; with variance=true also spread",
    equation="min_θ Σ_J ‖F_θ(y with J replaced)_J − y_J‖², J random pixels",
    paper="Krull, Buchholz, Jug, CVPR 2019; Höck et al., arXiv 2211.08512 (2022)",
)
_FILLS: dict[str, type[Mean] | type[Neighbours]] = {
    "median": Median,
    "mean": Mean,
    "uniform": Uniform,
    "uniform_with_centre": UniformWithCentre,
}


def noise2void(
    example: Measurement,
    *,
    rng: torch.Generator,
    architecture: Literal["n2v2", "n2v"] = "n2v2",
    replacement: Literal["median", "mean", "uniform", "uniform_with_centre"] = "median",
    radius: int = 5,
    fraction: float = 0.002,
    variance: bool = False,
    features: int = 32,
    depth: int = 2,
    patch: int = 64,
    batch: int = 16,
    rate: float = 4e-4,
    flips: bool = False,
) -> Method:
    """Learn to predict a pixel from its surroundings, from noisy images alone.

    min_θ Σ_J ‖F_θ(y with J replaced)_J − y_J‖² (survey eq. 15 with random J): if the noise is independent from
    pixel to pixel and zero-mean, the minimiser is E[x | surroundings].

    Parameters
    ----------
    example
        Data of shape (batch, channel, *space), standardised.
    rng
        Draws the first weights; on the CPU.
    architecture
        ``n2v2``: blurred pooling, no skip at the finest level, not residual. ``n2v``: the original U-Net.
    replacement, radius
        What the network sees in place of a hidden pixel, taken from a window of this radius.
        ``uniform_with_centre`` is the original, which may copy the hidden pixel and so leaks it.
    fraction
        Part of the pixels hidden at a step.
    variance
        Predict a mean and a variance, and use the seen pixel through its Gaussian posterior.
    features, depth
        Of the U-Net.
    patch, batch, rate
        Patch size, patches a step, learning rate.
    flips
        Average the answers over the eight symmetries of the plane.

    Returns
    -------
    Method
        Without `variance` the image is one pass over the data as they are; with it, every pixel is predicted
        while hidden, on the classes of a grid, and joined with what was seen.

    Raises
    ------
    InputError
        Where the image is smaller than the network's need.

    Notes
    -----
    No normalisation layer, unlike the papers: small batches and tiles then give the same answer as the whole
    image. The loss of `variance` is that of Laine et al. 2019.

    References
    ----------
    Krull, Buchholz, Jug, "Noise2Void - learning denoising from single noisy images", CVPR 2019.
    Höck, Buchholz, Brachmann, Jug, Freytag, "N2V2 - fixing Noise2Void checkerboard artifacts with modified
    sampling strategies and a tweaked network architecture", arXiv 2211.08512, 2022.
    """
    model = enhancer(example, rng, features=features, depth=depth, variance=variance, original=architecture == "n2v")
    fill = _FILLS[replacement](radius)
    split = BlindSpot(fraction, fill)
    objective = HeldOut(split, gaussian if variance else squared)
    restorer: Restorer = PosteriorMean(SplitAverage(model, Grid(4, fill))) if variance else model
    return Method(
        model=model,
        prior=Flips(model) if flips else model,
        restorer=Flips(restorer) if flips else restorer,
        split=split,
        stages=(
            Stage(
                model=model,
                objective=objective,
                patch=patch_size(example, patch, depth),
                batch=batch,
                adam=Adam(rate=rate),
            ),
        ),
        card=CARD,
    )
