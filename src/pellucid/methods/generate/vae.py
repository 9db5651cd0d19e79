"""VAE: images from a few numbers each, learned with the rule that finds these numbers from an image."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods.generate.generative import Generative
from pellucid.methods.method import Card
from pellucid.networks import initialise
from pellucid.networks.autoencoder import certain, coded
from pellucid.networks.generator import Synthesis
from pellucid.objectives.evidence import Evidence
from pellucid.restorers.generator import Generator
from pellucid.restorers.variational import Variational
from pellucid.training import Adam

CARD = Card(
    title="VAE",
    needs="measurements",
    assumes="noise of known strength; of clean images, the error that is accepted",
    independent=True,
    stabilise=False,
    gives="images",
    equation="min_g,µ,σ −E_q log p(y | H g(z)) + ½ Σ (σ² + µ² − log σ² − 1), z = µ(y) + σ(y) u",
    paper="Kingma, Welling, ICLR 2014",
    trained=True,
)


def vae(
    example: Measurement,
    *,
    rng: torch.Generator,
    code: int = 16,
    features: int = 16,
    draws: int = 32,
    rate: float = 2e-3,
) -> Generative:
    r"""Explain every image as g(z) and noise, with z ~ N(0, 1), and learn q(z | y) = N(μ(y), σ(y)²) beside g.

    .. math:: -\log p(y) \le -E_q \log p(y \mid H g(z)) + KL(q \,\|\, N(0, 1)), \qquad
        KL = \tfrac12 \sum (\sigma^2 + \mu^2 - \log \sigma^2 - 1)

    the right side least in g, μ and σ, z = μ + σ u with u ~ N(0, 1) (survey eq. 19-23). The model draws new images
    (`sample`), draws what may have been recorded as one image (`draw`), and restores by the mean of such draws.

    Parameters
    ----------
    example
        All images, (image, channel, *space), with intensities of order one and their noise model.
    rng
        A generator on the CPU: draws the first weights.
    code
        Length of z.
    features
        Of the encoder and the decoder at their finest level, doubled at each smaller one.
    draws
        How many make a restored image.
    rate
        Learning rate.

    Raises
    ------
    InputError
        Where the noise is not known, or the images have fewer than 4 pixels along an axis.

    Notes
    -----
    Departures: networks of convolutions in place of one hidden layer; the weight of KL grows from zero in the first
    tenth of the budget. The noise is told, not learned: a learned deviation shrinks where g has room to fit the noise.

    References
    ----------
    Kingma, Welling, "Auto-encoding variational Bayes", ICLR 2014.
    """
    if code < 1:
        raise InputError(f"The code of a variational autoencoder has a length of one or more; {code} is not.")
    _, channels, *space = example.y.shape
    if len(space) not in (2, 3) or min(space) < 4:
        raise InputError(
            f"Images of shape (image, channel, *space) with 2 or 3 spatial axes of 4 pixels or more are learned, but "
            f"they came as {tuple(example.y.shape)}."
        )
    if example.noise is None:
        raise InputError(
            "A variational autoencoder needs the noise of the images, and none came: for clean images, give Gaussian "
            "noise of the error that is accepted."
        )
    layers, left = _halvings(channels, space, features)
    last = nn.Linear(left, 2 * code)
    encoder, decoder = nn.Sequential(*layers, last), Synthesis(code, channels, space, features=features)
    network = Codes(encoder, decoder, code)
    initialise(network, rng)
    certain(last)
    model = VariationalGenerator(network, draws).to(example.y.device)
    return Generative(model=model, objective=Evidence(), optimisers={"model": Adam(rate=rate)})


class Codes(nn.Module):
    """g(z) of a draw z = μ(y) + σ(y) u, and KL(N(μ, σ²) ‖ N(0, 1)).

    Parameters
    ----------
    encoder
        Maps images to (μ, log σ), (batch, 2 code).
    decoder
        g: maps (batch, code) to images.
    code
        Length of z.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, code: int) -> None:
        super().__init__()
        self.encoder, self.decoder, self.code = encoder, decoder, code

    def encode(self, y: Tensor) -> Tensor:
        """Return (μ, log σ)."""
        moved: Tensor = self.encoder(y)
        return moved.float()

    def decode(self, moved: Tensor, rng: torch.Generator) -> tuple[Tensor, list[Tensor]]:
        """Return images of one draw of z each, and the divergence of every entry of it."""
        z, divergence = coded(torch.zeros_like(moved), moved, rng)
        return self.decoder(z), [divergence]


class VariationalGenerator(Variational, Generator):
    """A posterior sampler that is a generator too: x = g(z), z ~ N(0, 1) or q(z | y)."""

    whole = True
    network: Codes

    def sample(self, count: int, rng: torch.Generator) -> Tensor:
        """Return independent draws of the prior on the device of the generator, (count, channel, *space)."""
        x: Tensor = self.network.decoder(torch.randn(count, self.network.code, generator=rng, device=rng.device))
        return x


def _halvings(channels: int, space: list[int], features: int) -> tuple[list[nn.Module], int]:
    """Return convolutions that halve the image while it has eight pixels or more, and how many numbers they leave."""
    conv, levels = {2: nn.Conv2d, 3: nn.Conv3d}[len(space)], max(1, min(space).bit_length() - 3)
    widths = [channels, *(features << k for k in range(levels))]
    layers: list[nn.Module] = []
    for inputs, width in pairwise(widths):
        layers += [conv(inputs, width, 3, stride=2, padding=1), nn.LeakyReLU(0.1)]
    left = widths[-1] * torch.Size(-(-n // 2**levels) for n in space).numel()
    return [*layers, nn.Flatten()], left
