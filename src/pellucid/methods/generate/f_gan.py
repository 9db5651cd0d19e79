"""f-GAN: an f-divergence between images and the draws of a network."""

from __future__ import annotations

from typing import Literal, get_args

import torch

from pellucid.errors import InputError
from pellucid.methods.generate.generative import Generative, latent
from pellucid.methods.method import Card
from pellucid.objectives.divergences import DIVERGENCES

CARD = Card(
    title="f-GAN",
    needs="clean",
    assumes="nothing of the noise: it is part of the images",
    independent=False,
    stabilise=False,
    gives="images",
    equation="min_g max_V E_x a(V(x)) − E_z f*(a(V(g(z)))): the f-divergence between images and draws",
    paper="Nowozin, Cseke, Tomioka, NeurIPS 2016",
    trained=True,
)

FDivergence = Literal["kl", "reverse_kl", "pearson", "neyman", "hellinger", "js", "gan"]


def f_gan(
    shape: tuple[int, ...], rng: torch.Generator, *, divergence: FDivergence = "js", spectral: bool = False
) -> Generative:
    """D_f(images ‖ draws) = max_V E_y real(V(y)) − E_z fake(V(g(z))), z ~ N(0, 1), least in g (survey eq. 29-34).

    Parameters
    ----------
    shape
        Of an image, (channel, *space), with 2 or 3 spatial axes of at least 4 pixels; intensities of order one.
    rng
        A generator on the CPU: draws the first weights.
    divergence
        D_f: ``kl``, ``reverse_kl``, ``pearson``, ``neyman``, ``hellinger``, ``js``, or ``gan``, which is js − log 4.
    spectral
        Whether the layers of the critic have norm one: its bound is looser then, and its moves are calmer.

    Raises
    ------
    InputError
        Where the shape, or the divergence, is none.

    Notes
    -----
    Departures: networks of convolutions without batch normalisation; a long running mean of the weights (`averaging`);
    the generator minimises −E real(V), the paper's own alternative of section 3.2, where the gradient does not vanish,
    but with ``reverse_kl`` and ``neyman``, whose own does not. At the best critic it so lowers KL(draws ‖ images) with
    ``kl``, 2 KL(images ‖ draws) with ``pearson``, and KL(draws ‖ images) − 2 JS with ``js`` and ``gan``: where draws
    cannot equal the images, choose by that, and not by the name of the bound.

    References
    ----------
    Nowozin, Cseke, Tomioka, "f-GAN", NeurIPS 2016.
    """
    if divergence not in get_args(FDivergence):
        names = ", ".join(get_args(FDivergence))
        raise InputError(f"There is no f-divergence {divergence!r}; choose one of {names}.")
    return latent(shape, rng, DIVERGENCES[divergence], spectral=spectral)
