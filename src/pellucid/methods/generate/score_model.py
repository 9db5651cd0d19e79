"""The score of clean images: one network that draws, denoises, fills in and reconstructs."""

from __future__ import annotations

import torch

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods.generate.generative import Generative
from pellucid.methods.method import Card
from pellucid.networks import UNet, initialise
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


_LEAST = 0.02  # smallest σ, of the root mean square of the images


def score_model(images: Measurement, *, rng: torch.Generator, features: int = 24, depth: int = 2) -> Generative:
    r"""Learn ∇ log p_σ(x), the score of images with noise of every level, by taking noise away.

    .. math:: \min_\theta E_{x, n, \sigma} \lambda(\sigma) |D_\theta(x + \sigma n; \sigma) - x|^2,
        \qquad \nabla \log p_\sigma(x) = (D(x; \sigma) - x) / \sigma^2

    The model is D, of real channels: (Re, Im) for complex images. It denoises by itself, at any σ; `Diffusion` draws
    with it from the prior, and from the posterior of any linear measurement.

    Parameters
    ----------
    images
        All clean images, as `y`: (image, channel, *space), with contrast of order one.
    rng
        A generator on the CPU, for the first weights.
    features, depth
        Of the U-Net; sizes of images are multiples of 2 ** depth.

    Returns
    -------
    Generative
        `objective.first` and `objective.last` are the levels between which the score is known.

    Raises
    ------
    InputError
        Where the sizes do not suit the network, or there is only one image.

    Notes
    -----
    The largest σ is the largest distance between two images (Song and Ermon 2020, technique 1), here twice the largest
    from their mean, which is no less. Loss and parametrisation are those of Karras et al. 2022, but log σ is uniform.
    A plain U-Net of a few thousand steps in place of NCSN++ and days: the level is one more channel of its input.

    References
    ----------
    Song, Sohl-Dickstein, Kingma, Kumar, Ermon, Poole, "Score-based generative modeling through stochastic differential
    equations", ICLR 2021; Song, Ermon, "Improved techniques for training score-based generative models", NeurIPS 2020;
    Karras, Aittala, Aila, Laine, "Elucidating the design space of diffusion-based generative models", NeurIPS 2022.
    """
    x = parts(images.y)
    if len(x) < 2 or any(size % 2**depth for size in x.shape[2:]):
        raise InputError(
            f"A score needs two images or more, of sizes that are multiples of {2**depth}, but the images came as "
            f"{tuple(images.y.shape)}: cut them, or choose another depth."
        )
    deviation = float(x.square().mean().sqrt())
    first = 2 * float((x - x.mean(0)).flatten(1).norm(dim=1).amax())
    if not first > 0:
        raise InputError("A score needs images that differ, but all that came are the same: look at the data.")
    channels, dims = x.shape[1], x.ndim - 2
    network = UNet((channels + 1, channels), dims=dims, features=features, depth=depth, blur_pool=False, top_skip=True)
    return Generative(
        model=Denoiser(initialise(network, rng), deviation).to(x.device),
        objective=DenoisingScore(first, _LEAST * deviation),
        optimisers={"model": Adam(rate=2e-3)},
    )
