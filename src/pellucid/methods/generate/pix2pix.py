"""Pix2pix: images turned into those of another kind, learned from pairs and a critic that sees both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

from pellucid.errors import InputError
from pellucid.methods.generate.generative import Generative
from pellucid.methods.method import Card
from pellucid.networks import PatchCritic, UNet, initialise
from pellucid.objectives.conditional import ConditionalDistance, Content, absolute, spectral
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.restorers import Enhancer
from pellucid.training import Adam

CARD = Card(
    title="pix2pix",
    needs="pairs",
    assumes="two images of each object, in register",
    independent=False,
    stabilise=False,
    gives="images",
    equation="min_G max_V λ |x − G y| + α D((x, y) ‖ (G y, y))",
    paper="Isola, Zhu, Zhou, Efros, Image-to-image translation with conditional adversarial networks, CVPR 2017",
    trained=True,
)
_CONTENT: dict[str, Content] = {"absolute": absolute, "spectral": spectral}


def pix2pix(
    shape: Sequence[int],
    rng: torch.Generator,
    *,
    content: Literal["absolute", "spectral"] = "absolute",
    divergence: Literal["gan", "least_squares", "wasserstein"] = "gan",
    adversarial: float = 1.0,
    features: int = 16,
    depth: int = 2,
    rate: float = 1e-3,
) -> Generative:
    """Translate with G so that G y is near to x, and the pair (G y, y) is not told from (x, y).

    min_G max_V λ E c(x, G y) + α D((x, y) ‖ (G y, y)), λ = 100, with c the mean of |x − G y| (pix2pix). TomoGAN,
    ANNA-PALM and generative adversarial Fourier ptychography are this with another c.

    Parameters
    ----------
    shape
        (channel, *space) of what the training draws, of both images; in units of about -1 to 1.
    rng
        Draws the first weights; on the CPU.
    content
        c: ``absolute``, or ``spectral``, where fine detail counts more; `ConditionalDistance` takes any other.
    divergence
        D; ``wasserstein`` has a gradient penalty of weight ten.
    adversarial
        α; at zero there is no critic, and this is supervised learning.
    features, depth
        Of the U-Net; the critic has as many features.
    rate
        Learning rate of G; that of the critic is two fifths of it.

    Returns
    -------
    Generative
        For `fit`, with `Paired` batches.

    Raises
    ------
    InputError
        Where what is drawn is smaller than the critic sees.

    Notes
    -----
    A critic makes images that look real, not images that are right: the least error is that of α = 0, and what a
    recording does not tell is invented. Departures: a U-Net without normalisation and without dropout, so that tiles
    fit together and an input has one answer; a critic of smaller patches; rates that fall as a cosine; running mean of
    the weights.

    References
    ----------
    Isola, Zhu, Zhou, Efros, "Image-to-image translation with conditional adversarial networks", CVPR 2017.
    Ouyang, Aristov, Lelek, Hao, Zimmer, "Deep learning massively accelerates super-resolution localization microscopy",
    Nature Biotechnology 36, 2018.
    """
    channels, *space = shape
    network = UNet(
        (channels, channels), dims=len(space), features=features, depth=depth, blur_pool=False, top_skip=True
    )
    model = Enhancer(initialise(network, rng))
    critic = PatchCritic(2 * channels, dims=len(space), features=features, halvings=2)
    if adversarial and min(space) < critic.least:
        raise InputError(f"Images of {tuple(space)} pixels are too small to be judged: give {critic.least} or more.")
    objective = ConditionalDistance(
        initialise(critic, rng) if adversarial else None,
        DIVERGENCES[divergence],
        _CONTENT[content],
        adversarial=adversarial,
        penalty=10.0 if divergence == "wasserstein" else 0.0,
    )
    betas = (0.5, 0.99)
    optimisers = {"model": Adam(rate=rate, betas=betas), "critic": Adam(rate=0.4 * rate, betas=betas)}
    return Generative(model=model, objective=objective, optimisers=optimisers)
