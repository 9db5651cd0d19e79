"""AmbientGAN: images learned from measurements alone, each through an instrument at random."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.methods.generate.generative import Generative, comparable
from pellucid.methods.generate.w_gan import w_gan
from pellucid.methods.method import Card
from pellucid.noise import NoiseModel
from pellucid.operators import OperatorPrior
from pellucid.restorers.generator import Generator

CARD = Card(
    title="AmbientGAN",
    needs="measurements",
    assumes="a known distribution of instruments and of noise",
    independent=False,
    stabilise=False,
    gives="images",
    equation="min_g max_V E_y V(y) − E_z,H V(N(H g(z))), V of slope one",
    paper="Bora, Price, Dimakis, ICLR 2018",
    trained=True,
)

_FLAT = 0.1  # of the first weights of the last layer


@dataclass(frozen=True)
class Measured:
    """What an instrument at random would have recorded of the draws: y = N(H g(z)), H ~ p(H)."""

    instrument: OperatorPrior
    noise: NoiseModel | None = None

    def __call__(self, model: Generator, batch: Measurement, rng: torch.Generator) -> Tensor:
        """Return as many as there are data."""
        x = model.sample(len(batch.y), rng)
        y = comparable(self.instrument.draw(len(x), rng)(x), batch.y)
        return y if self.noise is None else self.noise.sample(y, rng)


def ambient_gan(
    shape: tuple[int, ...],
    rng: torch.Generator,
    *,
    instrument: OperatorPrior,
    noise: NoiseModel | None = None,
    measured: tuple[int, ...] | None = None,
) -> Generative:
    """W1(measurements, N(H g(z))), with z ~ N(0, 1), H ~ p(H) and N drawn anew, least in g (survey eq. 37-40).

    No image is ever seen, nor which H measured it, unless y tells: only p(H) is known. g learns the images where the
    distribution of measurements belongs to one distribution of images only:

    - a known blur whose transform has no zero, with noise whose characteristic function has none: theorem 5.3;
    - pixels dropped with any probability below one, since all are seen at once sometimes: theorem 5.4;
    - one sum of all pixels with Gaussian weights, which y tells: theorem 5.2, by Cramér and Wold;
    - a blocked patch: no theorem. What is determined is how pixels are distributed that one patch does not cover;
    - one projection along a direction that y tells: no theorem, since it sums pixels along lines alone. Where y does
      not tell it, images that are turned or mirrored explain all measurements as well.

    These theorems are about distributions, that is, infinitely many measurements.

    Parameters
    ----------
    shape
        Of an image, (channel, *space).
    rng
        A generator on the CPU: draws the first weights.
    instrument
        p(H), on the device of the data.
    noise
        Of the measurements, or None.
    measured
        Shape of a measurement, (channel, *space), where it is not that of an image.

    Notes
    -----
    What the instrument hides, such as fine waves behind a blur, no critic tells, and it stays in the draws as the
    first weights made it. So these are small, and the draws nearly flat at first.

    Departures: those of `w_gan`.

    References
    ----------
    Bora, Price, Dimakis, "AmbientGAN: generative models from lossy measurements", ICLR 2018, theorems 5.1-5.4.
    """
    learned = w_gan(shape, rng, made=Measured(instrument, noise), measured=measured)
    with torch.no_grad():
        learned.model.get_parameter("network.last.weight").mul_(_FLAT)
    return learned
