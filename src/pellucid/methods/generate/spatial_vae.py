"""spatial-VAE: particles whose pose and whose shape are learned apart, without labels."""

from __future__ import annotations

import math

import torch
from torch import nn

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods.generate.generative import Generative
from pellucid.methods.method import Card
from pellucid.networks import initialise
from pellucid.networks.autoencoder import certain
from pellucid.networks.coordinate_mlp import CoordinateMLP
from pellucid.objectives.evidence import Evidence
from pellucid.restorers.spatial import PoseCode, Spatial
from pellucid.training import Adam

CARD = Card(
    title="spatial-VAE",
    needs="particles",
    assumes="noise of known strength, poses that differ by rotations and shifts in the plane",
    independent=True,
    stabilise=False,
    gives="poses",
    equation="min_g,q −E_q log p(y | H g(R_θᵀ(p − t), z)) + KL(q(θ, t, z | y) ‖ p(θ) p(t) p(z))",
    paper="Bepler, Zhong, Kelley, Brignole, Berger, NeurIPS 2019",
    trained=True,
)


def spatial_vae(
    example: Measurement,
    *,
    rng: torch.Generator,
    latent: int = 2,
    rotation: float | None = None,
    shift: float | None = None,
    turns: int = 8,
    features: int = 64,
    rate: float = 2e-3,
) -> Generative:
    r"""Explain each particle as one object in its own pose and shape; find pose and shape from the image.

    .. math:: \min_{g, q} -E_q \log p(y \mid H\, g(R_\theta^T (p - t), z)) + KL(q(\theta, t, z \mid y) \,\|\, p)

    The model gives `poses` of particles, and `traverse` shows what the axes of z change.

    Parameters
    ----------
    example
        Particles, (particle, channel, row, column), with their noise model and, as operator, what the microscope does
        to a noiseless image of each, such as its contrast transfer.
    rng
        A generator on the CPU: draws the first weights.
    latent
        Length of z.
    rotation
        Standard deviation of the angles about zero in radians; None for angles that may be any.
    shift
        Standard deviation along each axis in pixels; None for a twentieth of the smaller side.
    turns
        In how many turns the encoder looks at an image; one, as in the first paper, fails where angles may be any.
    features
        Of each layer.
    rate
        Learning rate.

    Returns
    -------
    Generative
        Its model is a `Spatial`: train it with `Scans([example], batch)`, which keeps each particle with its own
        operator.

    Raises
    ------
    InputError
        Where the particles are no images of 8 x 8 pixels or more, or all the same, or a setting is out of its range.

    Notes
    -----
    Departures: where angles are many, the image is seen by the encoder in several turns, as in TARGET-VAE, but which of
    them is right is told by the likelihood itself, not by the encoder (`Spatial`). The encoder sees H* y, within a
    disc. Codes are certain at first: drawn from their priors, they leave a blurred mean, from which no pose is learned.
    The decoder sees waves of the place, and rates fall as a cosine. Shifts are those of RELION: made after the turn.

    References
    ----------
    Bepler, Zhong, Kelley, Brignole, Berger, "Explicitly disentangling image content from translation and rotation with
    spatial-VAE", NeurIPS 2019. Nasiri, Bepler, "Unsupervised object representation learning using translation and
    rotation group equivariant VAE", NeurIPS 2022: several turns.
    """
    _, channels, *space = example.y.shape
    if len(space) != 2 or min(space) < 8:
        raise InputError(
            f"Particles are images of 8 x 8 pixels or more, (particle, channel, row, column), but came as "
            f"{tuple(example.y.shape)}: give the stack of one-particle images."
        )
    if min(latent, turns, features) < 1 or not all(value is None or value > 0 for value in (rotation, shift)):
        raise InputError("Give at least one latent, turn and feature, and deviations of rotation and shift above zero.")
    offset, scale = float(example.y.mean()), float(example.y.std())
    if not scale > 0:
        raise InputError("All pixels of the particles have the same value: look at the stack.")
    shift = min(space) / 20 if shift is None else shift
    angle = math.inf if rotation is None else rotation
    prior = PoseCode(angle=angle, shift=shift, latent=latent, turns=turns if angle > math.pi / turns else 1)
    pixels, hidden, codes = channels * space[0] * space[1], 2 * features, len(prior.deviations)
    layers = [nn.Linear(pixels, hidden), nn.LeakyReLU(0.1), nn.Linear(hidden, hidden), nn.LeakyReLU(0.1)]
    last = nn.Linear(hidden, 2 * codes)
    encoder = nn.Sequential(nn.Flatten(), *layers, last)
    decoder = CoordinateMLP(latent, channels, features=features)
    initialise(nn.ModuleList([encoder, decoder]), rng)
    decoder.start(rng)
    certain(last)
    model = Spatial(encoder, decoder, prior=prior, space=space, units=(offset, scale)).to(example.y.device)
    return Generative(model=model, objective=Evidence(), optimisers={"model": Adam(rate=rate)})
