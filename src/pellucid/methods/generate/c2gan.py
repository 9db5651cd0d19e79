"""c2GAN: cycleGAN that may not move content, as UTOM has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

from pellucid.methods.generate.cyclegan import cyclegan
from pellucid.methods.generate.generative import Generative
from pellucid.methods.method import Card
from pellucid.objectives.translation import Salient

CARD = Card(
    title="c2GAN (UTOM)",
    needs="unpaired",
    assumes="two sets of images, alike but for how they look; content that a threshold tells from background",
    independent=False,
    stabilise=False,
    gives="images",
    equation="cycleGAN + ρ(t) (|T(y) − T(G y)| + |T(x) − T(F x)|), T = σ(± 100 (x − α))",
    paper="Li et al., Unsupervised content-preserving transformation for optical microscopy, Light 10, 2021",
    trained=True,
)


def c2gan(
    shape: Sequence[int],
    rng: torch.Generator,
    *,
    salient: tuple[Salient, Salient],
    divergence: Literal["least_squares", "wasserstein"] = "least_squares",
    features: int = 16,
    depth: int = 2,
    rate: float = 1e-3,
) -> Generative:
    """CycleGAN whose maps leave content where it is: what is beyond a threshold stays beyond one.

    Parameters
    ----------
    shape, rng
        As in `cyclegan`.
    salient
        What is content in images x and in recordings y: threshold and polarity of each kind.
    divergence, features, depth, rate
        As in `cyclegan`.

    Notes
    -----
    The weight of the constraint starts at 50, as the paper's, and falls by e in a fifth of the budget; the authors'
    falls by e each epoch. Departures: those of `cyclegan`.

    References
    ----------
    Li et al., "Unsupervised content-preserving transformation for optical microscopy", Light: Science & Applications
    10, 2021.
    """
    return cyclegan(shape, rng, salient=salient, divergence=divergence, features=features, depth=depth, rate=rate)
