"""W-GAN: the least way that intensity must go from the draws of a network to images."""

from __future__ import annotations

from dataclasses import replace

import torch

from pellucid.methods.generate.generative import Generative, drawn, latent
from pellucid.methods.method import Card
from pellucid.objectives.adversarial import Made
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.restorers.generator import Generator

CARD = Card(
    title="W-GAN with gradient penalty",
    needs="clean",
    assumes="nothing of the noise: it is part of the images",
    independent=False,
    stabilise=False,
    gives="images",
    equation="min_g max_V E_x V(x) − E_z V(g(z)), V of slope one",
    paper="Arjovsky et al., ICML 2017; Gulrajani et al., NeurIPS 2017",
    trained=True,
)

PENALTY, MOVES = 10.0, 5


def w_gan(
    shape: tuple[int, ...],
    rng: torch.Generator,
    *,
    spectral: bool = False,
    made: Made[Generator] = drawn,
    measured: tuple[int, ...] | None = None,
) -> Generative:
    """W1(images, draws) = max over V of slope one of E_y V(y) − E_z V(g(z)), least in g (survey eq. 35-36).

    Parameters
    ----------
    shape
        Of an image, (channel, *space), with 2 or 3 spatial axes of at least 4 pixels; intensities of order one.
    rng
        A generator on the CPU: draws the first weights.
    spectral
        Keeps the slope by layers of norm one (`unit_norms`), and not by the penalty. It is bounded then, but not by
        one, and mostly far from its bound: what the critic tells of W1 has no scale, and is not logged.
    made
        What is compared with the data: the draws, or what an instrument makes of them.
    measured
        Shape of that, (channel, *space), where it is not that of an image.

    Notes
    -----
    The slope is kept near one by the gradient penalty of weight 10, with five moves of the critic for one of the
    generator, as in Gulrajani et al. Departures: the networks and the averaging of `f_gan`.

    References
    ----------
    Arjovsky, Chintala, Bottou, "Wasserstein generative adversarial networks", ICML 2017. Gulrajani et al., "Improved
    training of Wasserstein GANs", NeurIPS 2017.
    """
    penalty = 0.0 if spectral else PENALTY
    distance = replace(DIVERGENCES["wasserstein"], reading="" if spectral else "wasserstein")
    return latent(shape, rng, distance, penalty=penalty, spectral=spectral, moves=MOVES, made=made, measured=measured)
