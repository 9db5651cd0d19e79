"""MRI-GAN: images that, measured once more, look like what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from pellucid._math import seeds
from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.sampling import measured_samples
from pellucid.data.scans import Scans
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.learned import Preset, learned, unrolled
from pellucid.networks import PatchCritic, initialise
from pellucid.objectives import normalised_l1_l2
from pellucid.objectives.adversarial import StatisticalDistance
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.restorers import Restorer
from pellucid.restorers.least_squares import linear
from pellucid.solvers import conjugate_gradient

CARD = Card(
    title="MRI-GAN: unsupervised and adversarial",
    needs="measurements",
    assumes="many scans of alike objects, whose sampling varies by chance; known noise, or none",
    independent=True,
    stabilise=False,
    gives="image, generated",
    trained=True,
    equation="min_θ max_V E V(y) − E V(N(H' F_θ(y; H))), V of slope one, H' the instrument of another scan",
    paper="Cole, Pauly, Vasanawala, Ong, arXiv 2008.13065, 2020",
)

_BATCH, _MOVES, _PENALTY = 4, 3, 10.0
_FEATURES, _HALVINGS = 16, 2  # of the critic
_ITERATIONS = 6  # of conjugate gradients, before the critic sees a measurement
_MORE = 1.2  # samples of all scans together, at least, over those of one
_WARNING = (
    "MRI-GAN learned what is usual in images: a detail that this scan did not measure may be usual, and not there."
)


@dataclass(frozen=True)
class Seen:
    """What a critic sees of a measurement: its image by a few iterations of conjugate gradients from zero.

    Parameters
    ----------
    unit
        Of the intensities.
    """

    unit: float

    def __call__(self, recorded: Measurement, y: Tensor) -> Tensor:
        """Return the image of y, with Re and Im of complex ones as channels."""
        operator = linear(recorded)
        x = conjugate_gradient(operator.normal, operator.adjoint(y), iterations=_ITERATIONS) / self.unit
        return torch.cat((x.real, x.imag), 1) if x.is_complex() else x

    def again(self, x: Tensor, batch: Measurement, rng: torch.Generator) -> Tensor:
        """Return what is seen of images that the instruments of a batch measure."""
        y = batch.operator(x)
        return self(batch, y if batch.noise is None else batch.noise.sample(y, rng))


@dataclass(frozen=True)
class Remeasured:
    """Draws entries of scans, and the instruments of others, independently.

    Parameters
    ----------
    recordings
        As for `Scans`.
    seen
        Makes what the critic compares.
    batch
        Entries a step.

    Raises
    ------
    InputError
        Where one instrument cannot measure what another one saw, or all see the same.
    """

    recordings: Sequence[Measurement]
    seen: Seen
    batch: int = _BATCH

    def __post_init__(self) -> None:
        """Check sizes and samples."""
        if len({r.y.shape[2:] for r in self.recordings}) > 1:
            raise InputError(
                "MRI-GAN measures the image of one scan as another one was: give scans of one matrix size."
            )
        samples = torch.cat([measured_samples(r).cpu() for r in self.recordings])
        if samples.any(0).sum() < _MORE * samples.flatten(1).sum(1).max():
            raise InputError(
                "MRI-GAN needs sampling that varies, but all scans have nearly the same samples: use ssdu."
            )

    def draw(self, step: Step) -> Repeated:
        """Return what the critic sees of scans, the instruments of others, and the scans as the only shot."""
        scans, rng = Scans(self.recordings, self.batch), seeds.generator("cpu", step.rng.initial_seed(), 1)
        first, other = scans.draw(step), scans.draw(replace(step, rng=rng))
        count = min(len(first.y), len(other.y))
        given = Measurement(y=first.y[:count], operator=first.operator[:count], noise=first.noise)
        seen = self.seen(given, given.y)
        return Repeated(y=seen, operator=other.operator[:count], noise=other.noise, shots=(given,))


class DistanceAgain(StatisticalDistance[Restorer]):
    """W1 between measurements, and reconstructions that the instruments of others measure; and a data term.

    Parameters
    ----------
    critic
        V.
    seen
        Of a measurement.
    data
        Weight of ‖y − H F(y)‖.
    """

    def __init__(self, critic: nn.Module, seen: Seen, data: float = 0.0) -> None:
        def made(model: Restorer, batch: Measurement, rng: torch.Generator) -> Tensor:
            return seen.again(model(_given(batch)), batch, rng)

        super().__init__(critic, made, DIVERGENCES["wasserstein"], penalty=_PENALTY, moves=_MOVES)
        self.seen, self.data = seen, data

    def terms(self, model: Restorer, batch: Measurement, step: Step) -> dict[str, Tensor]:
        """Return what the reconstruction minimises."""
        given = _given(batch)
        x = model(given)
        terms = {"generator": self.divergence.generator_loss(self.critic(self.seen.again(x, batch, step.rng)))}
        if self.data:
            terms["data"] = self.data * normalised_l1_l2(given.operator(x)[:, None], given).mean()
        return terms


def _given(batch: Measurement) -> Measurement:
    assert isinstance(batch, Repeated)
    return batch.shots[0]


def mri_gan(example: Measurement, *, rng: torch.Generator, preset: Preset = "auto", data: float = 0.0) -> Method:
    r"""Train an unrolled network so that its images, measured once more, are not told from measurements.

    .. math:: \min_\theta \max_V E V(y) - E V(N(H' F_\theta(y; H)))

    with V of slope one, and H' drawn independently of H and y. Its own H would not do: it measures any F(y) with
    H F(y) = y as y again, whatever was invented where H is blind. But H' sees what H did not. It is AmbientGAN with a
    generator that is given a measurement.

    Parameters
    ----------
    example
        Some of the data, of a linear instrument.
    rng
        A generator on the CPU.
    preset
        ``paper``: ten unrolls of 592,129 parameters. ``lite``: for a CPU. ``auto``: by the device.
    data
        Weight of a data term, ‖y − H F(y)‖, as of GANrec; there is none at 0. The unrolled network is near the data by
        itself.

    Returns
    -------
    Method
        With one stage, of two players.

    Raises
    ------
    InputError
        Where the instrument is not linear, too few samples were measured, or an image is smaller than a patch of the
        critic; from the source, where scans differ in size, or not in their samples.

    Notes
    -----
    Distributions are compared, not images: that F(y) belongs to y is due to the data consistency of the network alone.
    H' is that of another scan, drawn uniformly, with its coils. Its noise is added where the measurement has a noise
    model; where it has none, F must leave noise in its images.

    Departures: what the critic sees of a measurement is its image by six iterations of conjugate gradients; and the
    objects whose measurements are compared in a batch are the same on both sides, though not their instruments: the
    expectations are what they were, and their difference varies less.

    References
    ----------
    Cole, Pauly, Vasanawala, Ong, "Unsupervised MRI reconstruction with generative adversarial networks", arXiv
    2008.13065, 2020. Bora, Price, Dimakis, "AmbientGAN", ICLR 2018. Yang et al., "Tomographic reconstruction with a
    generative adversarial network" (GANrec), Journal of Synchrotron Radiation 27, 2020.
    """
    model = unrolled(example, rng, preset)
    first = Seen(1.0)(example, example.y)
    seen = Seen(float(first.square().mean().sqrt()))
    patches = PatchCritic(first.shape[1], dims=first.ndim - 2, features=_FEATURES, halvings=_HALVINGS)
    if min(first.shape[2:]) < patches.least:
        raise InputError(
            f"Images of {tuple(first.shape[2:])} are too small to be judged: give {patches.least} or more."
        )
    critic = initialise(patches, rng).to(example.y.device)
    method = learned(model, DistanceAgain(critic, seen, data), example, CARD, preset=preset)
    (stage,) = method.stages
    adam = replace(stage.adam, betas=(0.5, 0.9))
    stage = replace(stage, adam=adam, critic=adam, batch=_BATCH, source=lambda r: Remeasured(r, seen))
    return replace(method, stages=(stage,), warnings=(_WARNING,))
