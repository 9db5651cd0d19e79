"""Noise2Noise between two sets of samples of one object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pellucid._math import seeds
from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.sampling import measured_samples
from pellucid.data.scans import chosen
from pellucid.data.source import Step
from pellucid.data.splits import EachSet, Split
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.learned import Preset, learned, unrolled
from pellucid.objectives import HeldOut
from pellucid.objectives.energy import energy
from pellucid.operators.algebra import Stack
from pellucid.operators.nufft import NonUniformFourier
from pellucid.restorers import Restorer, Unrolled
from pellucid.restorers.least_squares import linear

CARD = Card(
    title="Noise2Noise between sets of samples",
    needs="measurements",
    assumes="noise of zero mean that is independent from sample to sample; sampling that varies from set to set",
    independent=False,
    stabilise=False,
    gives="image",
    trained=True,
    equation="min_θ E Σ_j |y′ − H′ F_θ(y; H)|²_j / p_j, two sets of samples (y, H), (y′, H′) of one object",
    paper="Lehtinen et al., ICML 2018, section 3.4; weights of the density: Millard, Chiew, IEEE TCI 2023",
)
_MOST = 64  # largest weight of a sample that hardly any set has


class Sets(Split):
    """One of two sets of samples is given, the other is held; which is which is drawn anew each time.

    Parameters
    ----------
    readout
        Samples that stay together where there is one set, whose readouts are dealt into two halves at random.
    """

    def __init__(self, readout: int = 1) -> None:
        self.readout = readout
        self.often: dict[torch.Size, Tensor] = {}

    def settle(self, recordings: Sequence[Measurement]) -> Entries:
        """Count how often each sample of a grid was measured, and return the source of the recordings."""
        measured: dict[torch.Size, list[Tensor]] = {}
        for each in (one for recording in recordings for one in _sets(recording)):
            measured.setdefault(each.y.shape[1:], []).append(measured_samples(each))
        self.often = {shape: torch.cat(found).double().mean(0, keepdim=True) for shape, found in measured.items()}
        return Entries([row for recording in recordings for row in _rows(recording)])

    def __call__(self, batch: Measurement, rng: torch.Generator) -> tuple[Measurement, Measurement]:
        """Return (given, held); the weight of what is held brings the unit of what is given."""
        sets = _sets(batch) if isinstance(batch, Repeated) else self.halves(batch, rng)
        order = torch.randperm(len(sets), generator=seeds.generator("cpu", rng.initial_seed(), 2))[:2].tolist()
        given, held = (sets[i] for i in order)
        unit = given.y.abs().square().mean(tuple(range(1, given.y.ndim)), keepdim=True)
        return given, replace(held, weight=self.weight(held) / unit)

    def weight(self, held: Measurement) -> Tensor:
        """Return the density compensation of the measured samples, or one over how often each is measured."""
        weight, measured = _compensation(held), measured_samples(held)
        if weight is None:
            often = self.often.get(held.y.shape[1:], torch.ones((), device=held.y.device))
            weight = often.clamp(min=1 / _MOST).reciprocal().to(held.y.real.dtype)
        return _times(weight * measured, held.weight)

    def halves(self, batch: Measurement, rng: torch.Generator) -> tuple[Measurement, Measurement]:
        """Return two halves of the readouts of each entry."""
        readouts = batch.y[0, 0].numel() // self.readout
        rank = torch.rand(len(batch.y), readouts, generator=rng, device=batch.y.device).argsort(1)
        first = (rank < readouts // 2).repeat_interleave(self.readout, 1).view(len(batch.y), 1, *batch.y.shape[2:])
        a, b = (replace(batch, y=batch.y * k, operator=batch.operator.restrict(k)) for k in (first, ~first))
        return a, b


@dataclass(frozen=True)
class Entries:
    """Draws one slice or frame at a time.

    Parameters
    ----------
    entries
        All of them, each alone in its batch.
    """

    entries: Sequence[Measurement]

    def draw(self, step: Step) -> Measurement:
        """Return the entry of this step."""
        return self.entries[int(torch.randint(len(self.entries), (), generator=seeds.host(step.rng)))]


class Together(Stack):
    """Several sets of samples of one object: the first image is the mean of theirs."""

    def backproject(self, y: Tensor) -> Tensor:
        """Return the mean of the first images, one for each set."""
        parts = zip(self.each(), y.chunk(len(self.each()), 1), strict=True)
        return torch.stack([operator.backproject(part) for operator, part in parts]).mean(0)


class Compensated(Restorer):
    """A model that is given all sets of samples as one, and their density compensation as their weight.

    Parameters
    ----------
    model
        Reconstructs from one set.
    """

    whole = True

    def __init__(self, model: Unrolled) -> None:
        super().__init__()
        self.model = model

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the image, (batch, channel, *space)."""
        sets = [_compensated(each) for each in _sets(given)]
        image: Tensor = self.model(sets[0] if len(sets) == 1 else _joined(sets), rng)
        return image


def noise2noise(example: Measurement, *, rng: torch.Generator, preset: Preset = "auto", readout: int = 1) -> Method:
    r"""Train an unrolled network to predict one set of samples of an object from another.

    With (y, H) and (y′, H′) = H′ x + w′ recorded independently of one another, any F and any weights W of samples,

    .. math:: E\lVert W (y' - H' F(y; H)) \rVert^2
        = E\bigl[(F - x)^* Q\, (F - x)\bigr] + E\lVert W w' \rVert^2, \qquad Q = E[H'^* W^2 H']

    On the grid, with p_j the probability that a set has sample j and W² = 1 / p, Q is the operator H* H of all samples:
    the minimiser is that of the supervised risk. For trajectories W² is their density compensation, and Q ≈ 1 within
    the disc that they reach.

    Parameters
    ----------
    example
        Some of the data, of a linear instrument: two sets of samples of each object, as `Repeated` shots, or one.
    rng
        A generator on the CPU.
    preset
        ``paper``: ten unrolls of 592,129 parameters. ``lite``: for a CPU. ``auto``: by the device.
    readout
        Samples of a spoke or an interleave, which follow each other along the last axis: where there is one set, its
        readouts are dealt into two halves, anew each step.

    Returns
    -------
    Method
        With one stage. At inference all that was measured is given, both sets where there are two.

    Raises
    ------
    InputError
        Where the instrument is not linear, or has no two readouts of this length.

    Notes
    -----
    Two sets may share samples, such as the centre of k-space: recorded twice, their noise is independent, and p = 1
    there. The halves of one set share none. They are not drawn independently, and Q is then that of the samples that
    are not given: the data term settles the others, but for their noise. In this form, on the grid, the method is SSDU
    with half of the samples held.

    p is counted over the recordings; a sample that no set has remains unknown but for what the coils tell. With the
    same two sets of places for all objects it is that Q, and not the supervised one, that is minimised.

    The samples of a trajectory count by its density compensation for the data term too, which makes it well
    conditioned; give it to `NonUniformFourier`.

    References
    ----------
    Lehtinen et al., "Noise2Noise: learning image restoration without clean data", ICML 2018.
    Millard, Chiew, "A theoretical framework for self-supervised MR image reconstruction using sub-sampling via
    variable density Noisier2Noise", IEEE Transactions on Computational Imaging 9, 2023.
    """
    samples = example.y[0, 0].numel()
    if not isinstance(example, Repeated) and (samples % readout or samples < 2 * readout):
        raise InputError(
            f"{samples} samples are not two or more readouts of {readout}: set readout to the number of samples of one "
            "spoke or interleave, or to 1."
        )
    network, sets = unrolled(example, rng, preset), Sets(readout)
    model, method = Compensated(network), learned(network, HeldOut(sets, energy), example, CARD, preset=preset)
    assert method.split is not None
    stage = replace(method.stages[0], model=model, source=sets.settle)
    return replace(method, model=model, restorer=model, prior=model, split=EachSet(method.split), stages=(stage,))


def _sets(recording: Measurement) -> tuple[Measurement, ...]:
    return recording.shots if isinstance(recording, Repeated) else (recording,)


def _rows(recording: Measurement) -> list[Measurement]:
    """Return the entries of a recording one by one, with all their sets."""
    rows = [tuple(chosen(each, torch.tensor([i]), (i,)) for each in _sets(recording)) for i in range(len(recording.y))]
    return [Repeated.of(sets) if len(sets) > 1 else sets[0] for sets in rows]


def _compensation(each: Measurement) -> Tensor | None:
    """Return the density compensation of a set on one trajectory, (1 or batch, 1, count)."""
    found = [part.density for part in each.operator.modules() if isinstance(part, NonUniformFourier)]
    return found[0][:, None] if len(found) == 1 and found[0] is not None else None


def _compensated(each: Measurement) -> Measurement:
    density = _compensation(each)
    return each if density is None else replace(each, weight=_times(density, each.weight))


def _joined(sets: Sequence[Measurement]) -> Measurement:
    """Return all sets as one measurement, set after set along the channels."""
    y, one = torch.cat([each.y for each in sets], 1), torch.ones((), device=sets[0].y.device)
    weights = [_times(one, each.weight).expand(each.y.shape) for each in sets]
    return Measurement(y=y, operator=Together([linear(each) for each in sets]), weight=torch.cat(weights, 1))


def _times(weight: Tensor, other: Tensor | None) -> Tensor:
    return weight if other is None else weight * other
