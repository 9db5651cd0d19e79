"""Splits of what an instrument measured: some samples are given, the others must be predicted through H."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from pellucid._math import seeds
from pellucid.data.measurement import Listed, Measurement
from pellucid.data.splits import Split
from pellucid.errors import InputError


@dataclass(frozen=True)
class RandomSampling(Split):
    """Divides the measured samples Ω into Θ, which is given, and Λ, which is held out (SSDU, survey eq. 16-17).

    Parameters
    ----------
    fraction
        ρ = |Λ| / |Ω|; the count is exact: round(ρ |Ω|) samples of each entry of the batch.
    whole
        How many of the last axes are held out together: 0 for single samples, 1 for lines of a detector or of
        k-space, 2 for views.
    density
        ``uniform``, or ``gaussian`` around the peak of the data, with a quarter of each axis as standard deviation.
    centre
        Width of the box around the peak of the data that is always given; 4 in SSDU.
    masks
        So many fixed divisions of every entry of the data set, one of them drawn each time (multi-mask SSDU); None
        draws a new one each time.
    seed
        Of the fixed divisions.

    Notes
    -----
    All channels, such as the coils of a scanner, share the choice: they tell of one another. What is held out is zero
    in what is given. Samples are drawn without replacement by the largest keys log p + Gumbel noise, which needs no
    rejection and ends however few samples there are.

    References
    ----------
    Yaman, Hosseini, Moeller, Ellermann, Uğurbil, Akçakaya, "Self-supervised learning of physics-guided reconstruction
    neural networks without fully sampled reference data", Magnetic Resonance in Medicine 84, 2020.
    Yaman et al., "Multi-mask self-supervised learning for physics-guided neural networks in highly accelerated MRI",
    NMR in Biomedicine 35, 2022.
    """

    fraction: float = 0.1
    whole: int = 0
    density: Literal["uniform", "gaussian"] = "uniform"
    centre: int = 0
    masks: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Check that something is held out, and something given."""
        if not 0 < self.fraction < 1:
            raise InputError(f"What is held out is a fraction of the measurements; {self.fraction} is not one.")

    def __call__(self, batch: Measurement, rng: torch.Generator) -> tuple[Measurement, Measurement]:
        """Return (given, held)."""
        hidden = self.hidden(batch, rng)
        given = replace(batch, y=batch.y.masked_fill(hidden, 0), operator=batch.operator.restrict(~hidden))
        weight = hidden.to(batch.y.real.dtype)
        return given, replace(batch, weight=weight if batch.weight is None else weight * batch.weight)

    def hidden(self, batch: Measurement, rng: torch.Generator) -> Tensor:
        """Return Λ, bool, shape (batch, 1, *space) with the last `whole` axes of length one."""
        measured = self._reduced(measured_samples(batch))
        candidates = measured & ~self._middle(batch.y) if self.centre else measured
        keys = -(-self._uniform(measured, batch, rng).log()).log()
        if self.density == "gaussian":
            keys = keys + self._reduced(_log_gaussian(batch.y))
        keys = keys.masked_fill(~candidates, -torch.inf).flatten(1)
        count = (self.fraction * measured.flatten(1).sum(1)).round().clamp(min=1)
        first = torch.arange(keys.shape[1], device=keys.device) < count[:, None]
        hidden = torch.zeros_like(first).scatter_(1, keys.argsort(1, descending=True), first)
        return hidden.view(measured.shape) & candidates

    def check(self, batch: Measurement) -> None:
        """Check that there are enough samples to divide: the centre is given, and more than what is held out.

        Raises
        ------
        InputError
            Where there are not.
        """
        measured = self._reduced(measured_samples(batch)).flatten(1)
        free = (measured & ~self._middle(batch.y).flatten(1)) if self.centre else measured
        wanted = (self.fraction * measured.sum(1)).round().clamp(min=1)
        if bool((free.sum(1) < wanted + (self.centre == 0)).any()):
            raise InputError(
                f"{self.fraction:.0%} of the {int(measured.sum(1).min())} measured samples cannot be held out: only "
                f"{int(free.sum(1).min())} lie outside the centre that must be given; hold out fewer, or measure more."
            )

    def _reduced(self, samples: Tensor) -> Tensor:
        """Return the samples with the axes that are held out together reduced to one."""
        axes = tuple(range(-self.whole, 0))
        if not axes:
            return samples
        return samples.any(axes, keepdim=True) if samples.dtype == torch.bool else samples.amax(axes, keepdim=True)

    def _middle(self, y: Tensor) -> Tensor:
        """Return the box that is always given."""
        inside = torch.ones((), dtype=torch.bool, device=y.device)
        for away in _from_peak(y):
            inside = inside & (away >= -(self.centre // 2)) & (away < (self.centre + 1) // 2)
        return self._reduced(inside.expand(len(y), 1, *y.shape[2:]))

    def _uniform(self, samples: Tensor, batch: Measurement, rng: torch.Generator) -> Tensor:
        """Return a uniform number for each sample: new ones, or those of one of the fixed divisions."""
        if self.masks is None:
            return torch.rand(samples.shape, dtype=torch.float64, generator=rng, device=samples.device)
        numbers = batch.numbers if isinstance(batch, Listed) else range(len(batch.y))
        chosen = torch.randint(self.masks, (len(batch.y),), generator=seeds.host(rng)).tolist()
        draws = [
            torch.rand(samples.shape[1:], dtype=torch.float64, generator=seeds.generator("cpu", self.seed, n, m))
            for n, m in zip(numbers, chosen, strict=True)
        ]
        return torch.stack(draws).to(samples.device, non_blocking=True)


def measured_samples(batch: Measurement) -> Tensor:
    """Return Ω: which samples were measured by any channel, bool, shape (batch, 1, *space)."""
    shape = (len(batch.y), 1, *batch.y.shape[2:])
    acquired = batch.operator.acquired
    if acquired is None:
        return torch.ones(shape, dtype=torch.bool, device=batch.y.device)
    return acquired.any(1, keepdim=True).expand(shape)


def _from_peak(y: Tensor) -> list[Tensor]:
    """Return the distance of each sample from the peak of the data along each axis, broadcastable to y."""
    energy, away = y.abs().square().sum(1, keepdim=True), []
    for axis in range(2, y.ndim):
        others = tuple(a for a in range(1, y.ndim) if a != axis)
        peak = energy.sum(others, keepdim=True).argmax(axis, keepdim=True)
        ramp = torch.arange(y.shape[axis], device=y.device)
        away.append(ramp.view([-1 if a == axis else 1 for a in range(y.ndim)]) - peak)
    return away


def _log_gaussian(y: Tensor) -> Tensor:
    """Return the logarithm of the density of a Gaussian around the peak, a quarter of each axis wide."""
    total = torch.zeros((), dtype=torch.float64, device=y.device)
    for axis, away in enumerate(_from_peak(y), start=2):
        total = total - 0.5 * (away.double() / max((y.shape[axis] - 1) / 4, 1.0)).square()
    return total
