"""f-GAN: an f-divergence between images and the draws of a network."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods.generate.generative import Generative
from pellucid.methods.method import Card
from pellucid.networks import ImageCritic, initialise
from pellucid.networks.generator import Synthesis
from pellucid.objectives.adversarial import Made, StatisticalDistance
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.restorers.generator import Generator, Pushforward
from pellucid.training import Adam

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


_CODE, _FEATURES, _HIDDEN = 64, 16, 64  # length of z; widths of the networks
_ADAM = Adam(rate=1e-3, betas=(0.5, 0.9))


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


def f_gan(
    shape: tuple[int, ...],
    rng: torch.Generator,
    *,
    divergence: str = "gan",
    penalty: float = 0.0,
    moves: int = 1,
    made: Made[Generator] = drawn,
) -> Generative:
    """D_f(images ‖ draws) = max_V E_y real(V(y)) − E_z fake(V(g(z))), z ~ N(0, 1), least in g (survey eq. 27-34).

    With the divergence ``gan`` it is the original GAN. Average long, `Plan(averaging=0.999)`: the two players circle
    around their equilibrium, and the mean of the weights lies nearer to it than the last ones.

    Parameters
    ----------
    shape
        Of an image, (channel, *space), with 2 or 3 spatial axes of at least 4 pixels; intensities of order one.
    rng
        A generator on the CPU: draws the first weights.
    divergence
        A name in `DIVERGENCES`.
    penalty
        Of the critic's slope, 0 in the paper.
    moves
        Of the critic, for each of the generator.
    made
        What is compared with the data: the draws, or what an instrument makes of them.

    Raises
    ------
    InputError
        Where the shape, or the divergence, is none.

    Notes
    -----
    Departures: networks of convolutions without batch normalisation; the generator minimises −E real(V), the paper's
    own alternative of section 3.2, where the gradient does not vanish.

    References
    ----------
    Nowozin, Cseke, Tomioka, "f-GAN", NeurIPS 2016. Goodfellow et al., "Generative adversarial nets", NeurIPS 2014.
    """
    channels, *size = shape
    if len(size) not in (2, 3) or min(size) < 4:
        raise InputError(
            f"Images of shape (channel, *space) with 2 or 3 spatial axes of 4 pixels or more are learned, but this "
            f"shape is {shape}; give the shape of one image, without the batch."
        )
    if divergence not in DIVERGENCES:
        raise InputError(f"There is no divergence {divergence!r}; choose one of {', '.join(DIVERGENCES)}.")
    model = initialise(Pushforward(Synthesis(_CODE, channels, size, features=_FEATURES), _CODE), rng)
    critic = initialise(ImageCritic(channels, tuple(size), features=_FEATURES, hidden=_HIDDEN), rng)
    objective = StatisticalDistance(critic, made, DIVERGENCES[divergence], penalty=penalty, moves=moves)
    return Generative(model=model, objective=objective, optimisers={"model": _ADAM, "critic": _ADAM})
