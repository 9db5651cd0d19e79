"""GAN: a network whose draws a critic cannot tell from images."""

from __future__ import annotations

from typing import Literal, get_args

import torch

from pellucid.errors import InputError
from pellucid.methods.generate.generative import Generative, latent
from pellucid.methods.method import Card
from pellucid.objectives.divergences import DIVERGENCES

CARD = Card(
    title="GAN",
    needs="clean",
    assumes="nothing of the noise: it is part of the images",
    independent=False,
    stabilise=False,
    gives="images",
    equation="min_g max_V E_x log σ(V(x)) + E_z log(1 − σ(V(g(z))))",
    paper="Goodfellow et al., NeurIPS 2014; Mao et al., ICCV 2017; Miyato et al., ICLR 2018",
    trained=True,
)

Loss = Literal["gan", "least_squares", "hinge"]


def gan(shape: tuple[int, ...], rng: torch.Generator, *, loss: Loss = "gan", spectral: bool = False) -> Generative:
    """min_g max_V E_x log σ(V(x)) + E_z log(1 − σ(V(g(z)))), z ~ N(0, 1) (survey eq. 27-28).

    The best critic makes of this twice the Jensen-Shannon divergence between images and draws, less log 4.

    Parameters
    ----------
    shape
        Of an image, (channel, *space), with 2 or 3 spatial axes of at least 4 pixels; intensities of order one.
    rng
        A generator on the CPU: draws the first weights.
    loss
        ``gan``; ``least_squares``: ½ E (V(x) − 1)² + ½ E V(g(z))² is least in V, and ½ E (V(g(z)) − 1)² in g;
        ``hinge``: E max(0, 1 − V(x)) + E max(0, 1 + V(g(z))) is least in V, and −E V(g(z)) in g.
    spectral
        Whether the layers of the critic have norm one, as is usual with ``hinge``.

    Raises
    ------
    InputError
        Where the shape, or the loss, is none.

    Notes
    -----
    Least squares circle the longest around the equilibrium: on images of eight by eight pixels they came as near in 600
    steps as the two others, with layers of norm one, in 200.

    Departures: those of `f_gan`; among them that g wants −E log σ(V(g(z))) least, which does not saturate. The labels 0
    and 1 of least squares do not make it a χ² divergence: that wants b − a = 2 and b − c = 1 (Mao et al., section
    3.2.2).

    References
    ----------
    Goodfellow et al., "Generative adversarial nets", NeurIPS 2014. Mao et al., "Least squares generative adversarial
    networks", ICCV 2017. Lim, Ye, "Geometric GAN", arXiv 1705.02894. Miyato et al., "Spectral normalization for
    generative adversarial networks", ICLR 2018.
    """
    if loss not in get_args(Loss):
        raise InputError(f"There is no loss {loss!r} of a GAN; choose one of {', '.join(get_args(Loss))}.")
    return latent(shape, rng, DIVERGENCES[loss], spectral=spectral)
