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
from pellucid.data.splits import Split
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
    equation="min_θ E Σ_j |y′ − H′ F_θ(y; H)|²_j / p_j, two sets of samples (y, H), (y′, H′) of one object",
    paper="Lehtinen et al., ICML 2018, section 3.4; weights of the density: Millard, Chiew, IEEE TCI 2023",
)
_MOST = 64  # largest weight of a sample that hardly any set has


@dataclass(frozen=True)
class Sets(Split):
    """One of two sets of samples is given, the other is held; which is which is drawn anew each time.

    Parameters
    ----------
    readout
        Samples that stay together where there is one set, whose readouts are dealt into two halves at random.
    """

    readout: int = 1

    def __call__(self, batch: Measurement, rng: torch.Generator) -> tuple[Measurement, Measurement]:
        """Return (given, held); the weight of what is held brings the unit of what is given."""
        sets = batch.shots if isinstance(batch, Repeated) else self.halves(batch, rng)
        order = torch.randperm(len(sets), generator=seeds.generator("cpu", rng.initial_seed(), 2))[:2].tolist()
        given, held = (sets[i] for i in order)
        unit = given.y.abs().square().mean(tuple(range(1, given.y.ndim)), keepdim=True)
        weight = measured_samples(held) / unit
        return replace(given, weight=None), replace(held, weight=_times(weight, held.weight))

    def halves(self, batch: Measurement, rng: torch.Generator) -> tuple[Measurement, Measurement]:
        """Return two halves of the readouts of each entry."""
        readouts = batch.y[0, 0].numel() // self.readout
        rank = torch.rand(len(batch.y), readouts, generator=rng, device=batch.y.device).argsort(1)
        first = (rank < readouts // 2).repeat_interleave(self.readout, 1).view(len(batch.y), 1, *batch.y.shape[2:])
        a, b = (replace(batch, y=batch.y * k, operator=batch.operator.restrict(k)) for k in (first, ~first))
        return a, b


@dataclass(frozen=True)
class EachSet(Split):
    """Divides each set of samples by itself: what is held out is held out of all.

    Parameters
    ----------
    split
        Of one set.
    """

    split: Split

    def __call__(self, batch: Measurement, rng: torch.Generator) -> tuple[Measurement, Measurement]:
        """Return (given, held)."""
        if not isinstance(batch, Repeated):
            return self.split(batch, rng)
        given, held = zip(*(self.split(each, rng) for each in batch.shots), strict=True)
        return Repeated.of(given), Repeated.of(held)


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
        sets = given.shots if isinstance(given, Repeated) else (given,)
        weights = [w.expand_as(s.y) for s in sets if (w := _times(_compensation(s), s.weight)) is not None]
        y = torch.cat([each.y for each in sets], 1)
        operator = Together([linear(each) for each in sets]) if len(sets) > 1 else sets[0].operator
        joint = Measurement(y=y, operator=operator, weight=torch.cat(weights, 1) if weights else None)
        image: Tensor = self.model(joint, rng)
        return image


class Entries:
    """Draws one slice or frame of all recordings at a time; weights make up for the density of their samples.

    A sample counts by its density compensation, or by one over the part of all sets that have it.

    Parameters
    ----------
    recordings
        Each a batch of slices or frames, or `Repeated` sets of samples of them.
    """

    def __init__(self, recordings: Sequence[Measurement]) -> None:
        parts = [r.shots if isinstance(r, Repeated) else (r,) for r in recordings]
        measured: dict[torch.Size, list[Tensor]] = {}
        for each in (one for sets in parts for one in sets):
            measured.setdefault(each.y.shape[1:], []).append(measured_samples(each))
        often = {shape: torch.cat(found).double().mean(0, keepdim=True) for shape, found in measured.items()}

        def weighted(each: Measurement) -> Measurement:
            weight = _compensation(each)
            if weight is None:
                weight = often[each.y.shape[1:]].clamp(min=1 / _MOST).reciprocal().to(each.y.real.dtype)
            return replace(each, weight=_times(weight, each.weight))

        self.entries = [
            tuple(chosen(weighted(each), torch.tensor([i]), (i,)) for each in sets)
            for sets in parts
            for i in range(len(sets[0].y))
        ]

    def draw(self, step: Step) -> Measurement:
        """Return the entry of this step."""
        sets = self.entries[int(torch.randint(len(self.entries), (1,), generator=seeds.host(step.rng)))]
        return Repeated.of(sets) if len(sets) > 1 else sets[0]


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
    network = unrolled(example, rng, preset)
    model, method = Compensated(network), learned(network, HeldOut(Sets(readout), energy), example, CARD, preset=preset)
    assert method.split is not None
    stage = replace(method.stages[0], model=model, source=Entries)
    return replace(method, model=model, restorer=model, prior=model, split=EachSet(method.split), stages=(stage,))


def _compensation(each: Measurement) -> Tensor | None:
    """Return the density compensation of a set on a trajectory, (1 or batch, 1, count)."""
    found = [part.density for part in each.operator.modules() if isinstance(part, NonUniformFourier)]
    return found[0][:, None] if found and found[0] is not None else None


def _times(weight: Tensor | None, other: Tensor | None) -> Tensor | None:
    """Return the product of two weights, either of which may be none."""
    return other if weight is None else weight if other is None else weight * other
