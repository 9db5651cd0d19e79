"""Self-supervision with weights that make up for how rarely a sample is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.data.sampling import measured_samples
from pellucid.data.scans import Scans
from pellucid.data.splits import Split
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.learned import Preset, learned, unrolled
from pellucid.objectives import HeldOut

CARD = Card(
    title="K-weighted SSDU",
    needs="measurements",
    assumes="samples, or lines of them, drawn at random from scan to scan; noise of each sample its own",
    independent=True,
    stabilise=False,
    gives="image",
    trained=True,
    equation="min_θ E Σ_{j∈Λ} (1 − k_j)⁻¹ |y − H F_θ(y_Θ; H_Θ)|_j, k_j = (1 − p_j) / (1 − (1 − ρ) p_j)",
    paper="Millard, Chiew, IEEE Transactions on Computational Imaging 9, 2023",
)


class Drawn(Split):
    r"""Holds out each sample by itself with the probability ρ, and weighs it by how rarely that happens.

    With p_j the probability that the scanner measures j, a sample that is not given was held with the probability

    .. math:: 1 - k_j = P(j \in Λ | j \notin Θ) = \frac{ρ p_j}{1 - (1 - ρ) p_j}

    whatever Θ is, since all are drawn by themselves. With its inverse as the weight of each difference, the mean over
    all draws is that of the differences of all samples that are not given, measured or not: the supervised one.

    Parameters
    ----------
    example
        Axes along which it measured all or nothing, such as the readout, are measured and held as a whole.
    fraction
        ρ. What is measured always is always given.
    """

    def __init__(self, example: Measurement, fraction: float) -> None:
        measured = measured_samples(example)
        self.whole = tuple(a for a in range(2, measured.ndim) if bool((measured == measured.narrow(a, 0, 1)).all()))
        self.fraction = fraction
        self.density = torch.ones(())

    def settle(self, recordings: Sequence[Measurement]) -> Scans:
        """Take p_j for how often each sample was measured, and return the source of the recordings.

        Raises
        ------
        InputError
            Where all were sampled alike, or on grids of different sizes.
        """
        if len({r.y.shape[2:] for r in recordings}) > 1:
            raise InputError("K-weighted SSDU counts how often each sample is measured: give scans of one matrix size.")
        self.density = torch.cat([self.reduced(measured_samples(r)) for r in recordings]).double().mean(0, keepdim=True)
        if not bool(((self.density > 0) & (self.density < 1)).any()):
            raise InputError("K-weighted SSDU needs sampling that varies, but all scans have the same: use ssdu.")
        return Scans(recordings)

    def reduced(self, samples: Tensor) -> Tensor:
        """Return the samples with axes that are measured as a whole reduced to one."""
        return samples.any(self.whole, keepdim=True) if self.whole else samples

    def __call__(self, batch: Measurement, rng: torch.Generator) -> tuple[Measurement, Measurement]:
        """Return (given, held)."""
        shape = (len(batch.y), *self.density.shape[1:])
        drawn = torch.rand(shape, generator=rng, device=batch.y.device) < self.fraction
        return self.divide(batch, drawn & (self.density < 1))

    def divide(self, batch: Measurement, drawn: Tensor) -> tuple[Measurement, Measurement]:
        """Return (given, held) where these samples are held if they are measured."""
        p, hidden = self.density.clamp(min=1 / 4096), drawn & measured_samples(batch)
        weight = hidden * ((1 - (1 - self.fraction) * p) / (self.fraction * p)).to(batch.y.real.dtype)
        given = replace(batch, y=batch.y.masked_fill(hidden, 0), operator=batch.operator.restrict(~hidden))
        return given, replace(batch, weight=weight if batch.weight is None else weight * batch.weight)


def weighted_l1(moments: Tensor, held: Measurement) -> Tensor:
    """Return Σ w |u − v| of each sample over what is held, relative to Σ |u| over what is given.

    Complex numbers count as two real ones. To divide by what is held would make the theorem inexact: it depends on
    the draw.
    """
    assert held.weight is not None
    off, whole = (_l1(part) for part in (moments[:, 0] - held.y, held.y))
    ratio: Tensor = (held.weight * off).flatten(1).sum(1) / ((held.weight == 0) * whole).flatten(1).sum(1)
    return ratio


def _l1(y: Tensor) -> Tensor:
    return torch.view_as_real(y).abs().sum(-1) if y.is_complex() else y.abs()


def weighted_ssdu(
    example: Measurement, *, rng: torch.Generator, preset: Preset = "auto", fraction: float = 0.4
) -> Method:
    """Train an unrolled network on held samples with the weights of supervision.

    min_θ E Σ_{j∈Λ} (1 − k_j)⁻¹ |y − H F_θ(y_Θ; H_Θ)|_j: the expected gradient is the one of all samples that are not
    given, of a full recording that nobody made.

    Parameters
    ----------
    example
        Some of the data, of a linear instrument whose samples were drawn at random.
    rng
        A generator on the CPU.
    preset
        ``paper``: ten unrolls of 592,129 parameters. ``lite``: for a CPU. ``auto``: by the device.
    fraction
        ρ, the probability that a measured sample, or line of samples, is held out.

    Returns
    -------
    Method
        With one stage.

    Raises
    ------
    InputError
        Where the instrument is not linear, too few samples were measured, or all scans are sampled alike.

    Notes
    -----
    The paper squares the differences and knows the density p; here p is counted over the training scans, and what
    the weights do holds for any sum over samples: absolute differences, which large weights of rare samples disturb
    less, gained 0.6 dB. The theorem wants samples that are drawn by themselves: lines are held as a whole, and that a
    scanner acquires an exact number of them is neglected.

    References
    ----------
    Millard, Chiew, "A theoretical framework for self-supervised MR image reconstruction using sub-sampling via
    variable density Noisier2Noise", IEEE Transactions on Computational Imaging 9, 2023.
    """
    split = Drawn(example, fraction)
    method = learned(unrolled(example, rng, preset), HeldOut(split, weighted_l1), example, CARD, preset=preset)
    return replace(method, stages=(replace(method.stages[0], source=split.settle),))
