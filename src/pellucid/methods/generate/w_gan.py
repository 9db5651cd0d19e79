"""W-GAN: the least way that intensity must go from the draws of a network to images."""

from __future__ import annotations

import torch

from pellucid.methods.generate.f_gan import drawn, f_gan
from pellucid.methods.generate.generative import Generative
from pellucid.methods.method import Card
from pellucid.objectives.adversarial import Made
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


def w_gan(shape: tuple[int, ...], rng: torch.Generator, *, made: Made[Generator] = drawn) -> Generative:
    """W1(images, draws) = max over V of slope one of E_y V(y) − E_z V(g(z)), least in g (survey eq. 35-36).

    Parameters
    ----------
    shape, rng, made
        As in `f_gan`.

    Notes
    -----
    The slope is kept near one by the gradient penalty of weight 10, with five moves of the critic for one of the
    generator, as in Gulrajani et al. Departures: the networks and the averaging of `f_gan`.

    References
    ----------
    Arjovsky, Chintala, Bottou, "Wasserstein generative adversarial networks", ICML 2017. Gulrajani et al., "Improved
    training of Wasserstein GANs", NeurIPS 2017.
    """
    return f_gan(shape, rng, divergence="wasserstein", penalty=10.0, moves=5, made=made)
