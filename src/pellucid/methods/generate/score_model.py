"""The score of clean images: one network that draws, denoises, fills in and reconstructs."""

from __future__ import annotations

import torch
from torch import nn

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods.generate.generative import Generative
from pellucid.methods.method import Card
from pellucid.networks import initialise
from pellucid.networks.modulated import ModulatedUNet
from pellucid.objectives.denoising_score import DenoisingScore
from pellucid.restorers.diffusion import Denoiser, parts
from pellucid.training import Adam

CARD = Card(
    title="Score model",
    needs="clean",
    assumes="nothing of the noise; that of new data must be known",
    independent=False,
    stabilise=False,
    gives="images",
    equation="min_θ E λ(σ) |D_θ(x + σ n; σ) − x|²; ∇ log p_σ(x) = (D(x; σ) − x) / σ²",
    paper="Song et al., ICLR 2021; Karras et al., NeurIPS 2022",
    trained=True,
)


def score_model(images: Measurement, *, rng: torch.Generator, features: int = 24, depth: int = 2) -> Generative:
    r"""Learn ∇ log p_σ(x), the score of images with noise of every level, by taking noise away.

    .. math:: \min_\theta E_{x, n, \sigma} \lambda(\sigma) |D_\theta(x + \sigma n; \sigma) - x|^2,
        \qquad \nabla \log p_\sigma(x) = (D(x; \sigma) - x) / \sigma^2

    The model is D, of real channels: (Re, Im) for complex images. It denoises by itself, at any σ; `Diffusion` draws
    with it from the prior, and from the posterior of any linear measurement.

    Parameters
    ----------
    images
        All clean images, as `y`: (image, channel, *space), in any units.
    rng
        A generator on the CPU, for the first weights.
    features, depth
        Of the U-Net; sizes of images are multiples of 2 ** depth.

    Returns
    -------
    Generative
        `model.levels(count)` are those to draw with.

    Raises
    ------
    InputError
        Where the sizes do not suit the network, or there is only one image.

    Notes
    -----
    Loss and parametrisation are those of Karras et al. 2022, but the mean of the images is taken out, so that the
    network need not learn it, and the levels spread less. It starts at F = 0, not told of σ. All that a source does to
    the images is learned with them: mirror them, or exchange rows and columns, only where they might as well have come
    so. Draws start at the largest distance between two images (Song and Ermon 2020, technique 1), here twice the
    largest from their mean, which is no less. A U-Net of a few thousand steps, in place of NCSN++ and days.

    References
    ----------
    Song, Sohl-Dickstein, Kingma, Kumar, Ermon, Poole, "Score-based generative modeling through stochastic differential
    equations", ICLR 2021; Song, Ermon, "Improved techniques for training score-based generative models", NeurIPS 2020;
    Karras, Aittala, Aila, Laine, "Elucidating the design space of diffusion-based generative models", NeurIPS 2022.
    """
    x = parts(images.y)
    if x.ndim not in (4, 5) or not x.is_floating_point() or not bool(x.isfinite().all()):
        raise InputError(
            f"A score is learned from numbers of shape (image, channel, *space) with 2 or 3 spatial axes, all of them "
            f"finite, but {images.y.dtype} of shape {tuple(images.y.shape)} came: convert them, or take NaN out."
        )
    if len(x) < 2 or any(size % 2**depth for size in x.shape[2:]):
        raise InputError(
            f"A score needs two images or more, of sizes that are multiples of {2**depth}, but the images came as "
            f"{tuple(images.y.shape)}: cut them, or choose another depth."
        )
    farthest = 2 * float((x - x.mean(0)).flatten(1).norm(dim=1).amax())
    if not farthest > 0:
        raise InputError("A score needs images that differ, but all that came are the same: look at the data.")
    network = ModulatedUNet((x.shape[1], x.shape[1]), dims=x.ndim - 2, features=features, depth=depth)
    initialise(network, rng)
    for parameter in (*network.last.parameters(), *network.told[-1].parameters()):
        nn.init.zeros_(parameter)
    mean = x.transpose(0, 1).flatten(1).mean(1)
    deviation = float((x - mean.view(-1, *[1] * (x.ndim - 2))).square().mean().sqrt())
    return Generative(
        model=Denoiser(network, deviation, farthest, mean).to(x.device),
        objective=DenoisingScore(),
        optimisers={"model": Adam(rate=6e-3)},
    )
