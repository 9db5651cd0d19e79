"""CycleGAN: images of one kind turned into another kind, learned from images of both that belong to other objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from pellucid.errors import InputError
from pellucid.methods.generate.generative import Generative
from pellucid.methods.method import Card
from pellucid.networks import PatchCritic, UNet, initialise
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.objectives.pool import Pool, Remembering
from pellucid.objectives.translation import Salient, Translation
from pellucid.restorers import Enhancer
from pellucid.restorers.transport import Transport
from pellucid.training import Adam

CARD = Card(
    title="CycleGAN",
    needs="unpaired",
    assumes="two sets of images, alike but for how they look",
    independent=False,
    stabilise=False,
    gives="images",
    equation="min_G,F max_V λ (|x − G F x| + |y − F G y|) + D(x ‖ G y) + D(y ‖ F x)",
    paper="Zhu, Park, Isola, Efros, Unpaired image-to-image translation, ICCV 2017",
    trained=True,
)


def cyclegan(
    shape: Sequence[int],
    rng: torch.Generator,
    *,
    salient: tuple[Salient, Salient] | None = None,
    divergence: Literal["least_squares", "wasserstein"] = "least_squares",
    identity: float = 0.0,
    pool: int = 50,
    features: int = 16,
    depth: int = 2,
    rate: float = 1e-3,
) -> Generative:
    """Translate with G so that F G y = y and G F x = x, and that G y looks like x, and F x like y.

    min_G,F max_V λ (E‖x − G F x‖₁ + E‖y − F G y‖₁) + D(x ‖ G y) + D(y ‖ F x): the dual of the transport between two
    kinds of images where both maps are networks (survey eq. 41-45).

    Parameters
    ----------
    shape
        (channel, *space) of what the training draws, of both kinds; in units of about -1 to 1.
    rng
        Draws the first weights; on the CPU.
    salient
        What is content in images x and in recordings y, for `c2gan`.
    divergence
        D; ``wasserstein`` has a gradient penalty of weight ten, and is the dual itself.
    identity
        Weight of E‖x − G x‖₁ + E‖y − F y‖₁; five in the paper, where colours shall stay.
    pool
        How many translated images the critics remember.
    features, depth
        Of the U-Nets; the critics have as many features.
    rate
        Learning rate of the maps; that of the critics is two fifths of it.

    Returns
    -------
    Generative
        For `fit`, with `Unpaired` batches.

    Raises
    ------
    InputError
        Where what is drawn is smaller than a critic sees.

    Notes
    -----
    G and F may both swap what the cycle cannot see, such as content and background: see `c2gan`. Departures: U-Nets
    without normalisation, so that tiles fit together; critics of smaller patches; λ counts twice, because D is half
    the paper's; rates that fall as a cosine; running mean of the weights.

    References
    ----------
    Zhu, Park, Isola, Efros, "Unpaired image-to-image translation using cycle-consistent adversarial networks", ICCV
    2017.
    """
    channels, *space = shape
    dims = len(space)

    def network() -> nn.Module:
        unet = UNet((channels, channels), dims=dims, features=features, depth=depth, blur_pool=False, top_skip=True)
        return initialise(unet, rng)

    def critic() -> Remembering:
        made = PatchCritic(channels, dims=dims, features=features, halvings=2)
        if min(space) < made.least:
            raise InputError(f"Images of {tuple(space)} pixels are too small to be judged: give {made.least} or more.")
        return Remembering(initialise(made, rng), Pool(shape, pool))

    objective = Translation(
        critic(),
        critic(),
        DIVERGENCES[divergence],
        salient,
        identity=identity,
        penalty=10.0 if divergence == "wasserstein" else 0.0,
    )
    betas = (0.5, 0.99)
    optimisers = {"model": Adam(rate=rate, betas=betas), "critic": Adam(rate=0.4 * rate, betas=betas)}
    return Generative(model=Transport(Enhancer(network()), network()), objective=objective, optimisers=optimisers)
