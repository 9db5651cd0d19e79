"""What the learned reconstructions share: an unrolled network made for the instrument at hand, and its one stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from pellucid.data.measurement import Measurement
from pellucid.data.sampling import RandomSampling, measured_samples
from pellucid.methods.method import Card, Method, Stage
from pellucid.networks import ResNet
from pellucid.objectives import Objective
from pellucid.restorers import Unrolled
from pellucid.restorers.least_squares import linear
from pellucid.training import Adam

Preset = Literal["auto", "lite", "paper"]


@dataclass(frozen=True)
class _Size:
    unrolls: int
    blocks: int
    features: int
    iterations: int
    rate: float


_SIZES: Mapping[str, _Size] = {"lite": _Size(5, 4, 16, 5, 5e-3), "paper": _Size(10, 15, 64, 10, 5e-4)}
_WARM_UP = 20  # steps
CENTRE = 4  # samples along each axis of k-space that are always given


def unrolled(example: Measurement, rng: torch.Generator, preset: Preset = "auto") -> Unrolled:
    """Return the unrolled network for images such as those of an example, on its device.

    Parameters
    ----------
    example
        Of a linear instrument.
    rng
        A generator on the CPU: draws the first weights.
    preset
        ``paper``: ten unrolls of the network of SSDU, 592,129 parameters. ``lite``: five of a small one, for a CPU.
        ``auto``: the first on a GPU, the second elsewhere.

    Raises
    ------
    InputError
        Where the instrument is not linear.
    """
    image = linear(example)[torch.zeros(1, dtype=torch.long)].backproject(example.y[:1])
    size = _size(preset, example)
    network = ResNet(
        2 if image.is_complex() else 1,
        dims=image.ndim - 2,
        features=size.features,
        blocks=size.blocks,
        tied=True,
    ).initialise(rng)
    return Unrolled(network, unrolls=size.unrolls, iterations=size.iterations).to(example.y.device)


def learned(
    model: Unrolled,
    objective: Objective[Any],
    example: Measurement,
    card: Card,
    *,
    preset: Preset = "auto",
    reserved: float = 0.1,
) -> Method:
    """Return the method that minimises an objective over whole scans; some of their samples only ever validate.

    Parameters
    ----------
    model
        What is trained, and what restores.
    objective
        D.
    example
        Some of the data.
    card
        Of the method.
    preset
        Of the network: says its learning rate.
    reserved
        Part of the samples of each scan that is never a target.
    """
    held = RandomSampling(reserved, centre=CENTRE if example.y.is_complex() else 0, masks=1)
    held.check(example)
    adam = Adam(rate=_size(preset, example).rate, warm_up=_WARM_UP)
    stage = Stage(model=model, objective=objective, patch=(), batch=1, adam=adam)
    return Method(model=model, restorer=model, prior=model, split=held, stages=(stage,), card=card)


def doubts(scans: Sequence[Measurement]) -> tuple[str, ...]:
    """Return why samples that are held out may not tell of those that were never measured: one sentence or none."""
    first = measured_samples(scans[0])[:1]
    varied = any(
        scan.y.shape[1] > 1
        or scan.y.shape[2:] != first.shape[2:]
        or bool((measured_samples(scan) != first.to(scan.y.device)).any())
        for scan in scans
    )
    if varied or bool(first.all()):
        return ()
    return (
        "All scans were sampled alike by a single coil: nothing measured tells what lies between the samples, so the "
        "image may keep their aliasing; give scans of several coils, or of sampling that varies, with --train.",
    )


def _size(preset: Preset, example: Measurement) -> _Size:
    return _SIZES[preset if preset != "auto" else "paper" if example.y.is_cuda else "lite"]
