"""What every generative method is made of, and the network and critic that those without a volume share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.networks import ImageCritic, initialise
from pellucid.networks.generator import Synthesis
from pellucid.networks.spectral import unit_norms
from pellucid.objectives import Objective
from pellucid.objectives.adversarial import Made, StatisticalDistance
from pellucid.objectives.divergences import Divergence
from pellucid.restorers.generator import Generator, Pushforward
from pellucid.training import Adam

_CODE, _FEATURES, _HIDDEN = 64, 16, 64  # length of z; widths of the networks
_ADAM = Adam(rate=1e-3, betas=(0.5, 0.9))
_AVERAGING = 0.999  # two players circle around their equilibrium, and the mean of the weights lies nearer to it


@dataclass(frozen=True, kw_only=True)
class Generative:
    """A published choice of a model and of the distance that it minimises, ready for `fit`.

    Parameters
    ----------
    model
        What is learned: a generator, a volume, or two maps.
    objective
        D; its critics are trained beside the model.
    optimisers
        A setting for each turn of the objective, by name.
    averaging
        Decay of the running mean of the weights, as of `Plan`: long where two players circle around an equilibrium.
    """

    model: nn.Module
    objective: Objective[Any]
    optimisers: Mapping[str, Adam]
    averaging: float = 0.99


def drawn(model: Generator, batch: Measurement, rng: torch.Generator) -> Tensor:
    """Return as many draws as there are data: images are compared with images."""
    return comparable(model.sample(len(batch.y), rng), batch.y)


def comparable(samples: Tensor, data: Tensor) -> Tensor:
    """Return the samples, which a critic can compare with the data where their shapes are the same."""
    if samples.shape != data.shape:
        raise InputError(
            f"What was measured has the shape (channel, *space) = {tuple(data.shape[1:])}, but the model makes "
            f"{tuple(samples.shape[1:])}; make the model for that shape, with an instrument that keeps it."
        )
    return samples


def latent(
    shape: tuple[int, ...],
    rng: torch.Generator,
    divergence: Divergence,
    *,
    penalty: float = 0.0,
    spectral: bool = False,
    moves: int = 1,
    made: Made[Generator] = drawn,
    measured: tuple[int, ...] | None = None,
) -> Generative:
    """Return a network that makes images of Gaussian codes, and a critic beside it.

    Parameters
    ----------
    shape
        Of an image, (channel, *space), with 2 or 3 spatial axes of at least 4 pixels; intensities of order one.
    rng
        A generator on the CPU: draws the first weights.
    divergence
        D.
    penalty, spectral
        Of the critic's slope; whether its layers have norm one instead.
    moves
        Of the critic, for each of the generator.
    made
        What is compared with the data: the draws, or what an instrument makes of them.
    measured
        Shape of that, (channel, *space), where it is not that of an image.

    Raises
    ------
    InputError
        Where a shape is none of images.
    """
    channels, *size = shape
    if len(size) not in (2, 3) or not all(isinstance(n, int) for n in shape) or channels < 1 or min(size) < 4:
        raise InputError(
            f"Images of shape (channel, *space) with 2 or 3 spatial axes of 4 pixels or more are learned, but this "
            f"shape is {shape}; give the shape of one image, without the batch."
        )
    seen, *space = measured or shape
    model = initialise(Pushforward(Synthesis(_CODE, channels, size, features=_FEATURES), _CODE), rng)
    critic = initialise(ImageCritic(seen, tuple(space), features=_FEATURES, hidden=_HIDDEN), rng)
    objective = StatisticalDistance(
        unit_norms(critic) if spectral else critic, made, divergence, penalty=penalty, moves=moves
    )
    return Generative(
        model=model, objective=objective, optimisers={"model": _ADAM, "critic": _ADAM}, averaging=_AVERAGING
    )
