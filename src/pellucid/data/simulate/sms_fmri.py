"""A functional series of simultaneous slices as the scanner records it: k-space of many coils, and the truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pellucid._math.fft import fft
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.data.simulate.fmri import block_design
from pellucid.operators.sms import SimultaneousMultiSlice, caipi_phases


@dataclass(frozen=True, kw_only=True)
class MultibandSeries:
    """A simulated series, and the truth.

    Parameters
    ----------
    y
        k-space of all slices together, noisy, zero on lines that were left out; (frame, coil, row, column).
    single_band
        k-space of each slice alone, without CAIPI phase, with the same noise; shape (slice, coil, row, column).
    instrument
        What measured `y`, with the true coil maps.
    shifts
        CAIPI shift of each slice; see `caipi_phases`.
    truth
        The slices of each frame, complex, (frame, slice, row, column).
    response
        The expected course of an active voxel, between 0 and 1, shape (frame,).
    active, inside
        Which voxels respond, and which hold the object, bool, (slice, row, column).
    """

    y: Tensor
    single_band: Tensor
    instrument: SimultaneousMultiSlice
    shifts: Tensor
    truth: Tensor
    response: Tensor
    active: Tensor
    inside: Tensor


def multiband_series(
    rng: torch.Generator,
    *,
    size: int = 64,
    slices: int = 5,
    coils: int = 16,
    step: int = 2,
    frames: int = 80,
    repetition_s: float = 2.0,
    change: float = 0.03,
    noise: float = 0.03,
) -> MultibandSeries:
    """Simulate a block design of 20 s rest and 20 s task, seen through several slices at once.

    Slices are ellipses of two tissues with a smooth phase of their own. The phase follows breathing (a ramp of 0.2 rad
    along the rows, with a period of 4.3 s), magnitudes drift by 1 % with weights that are smooth in space, and slices
    move by multiples of field of view / `slices` (CAIPI). Complex Gaussian noise is white, as after prewhitening.

    Parameters
    ----------
    rng
        Where anatomy, drift and noise come from.
    size
        Rows and columns.
    slices
        How many are excited at once.
    coils
        In four rings, so that they tell slices apart.
    step
        Every which line is measured.
    frames, repetition_s
        As in `block_design`.
    change
        Relative change of an active voxel.
    noise
        Standard deviation of a complex sample; the brighter tissue is one, and the Fourier transform orthonormal.
    """
    still, inside, active = _anatomy(rng, size, slices)
    response = block_design(frames, repetition_s=repetition_s, block_s=20.0).float()
    time = torch.arange(frames)[:, None, None, None]
    breath = 0.2 * torch.sin(2 * math.pi * repetition_s * time / 4.3) * torch.linspace(-1, 1, size)[:, None]
    drift = 0.01 * torch.cos(math.pi * (time + 0.5) / frames) * _smooth(rng, slices, size, 3)
    magnitude = 1 + change * active * response[:, None, None, None] + drift
    truth = still * torch.polar(magnitude, breath.expand_as(magnitude))
    planes = (2 * slices + 1, size, size)  # half of the coils' length: slices lie a plane apart
    maps = birdcage_coils(coils, planes, rings=4, length=0.5, radius=1.1)[0, :, 1::2].movedim(1, 0)
    shifts = torch.arange(slices, dtype=torch.float64) / slices
    mask = (torch.arange(size) % step == 0)[None, None, :, None]
    instrument = SimultaneousMultiSlice(maps[None], phases=caipi_phases(shifts, size), mask=mask)
    y = torch.cat([instrument(frame[None]) for frame in truth])
    y = y + noise * mask * torch.randn(y.shape, dtype=y.dtype, generator=rng)
    alone = fft(still[:, None] * maps, 2)
    alone = alone + noise * torch.randn(alone.shape, dtype=alone.dtype, generator=rng)
    return MultibandSeries(
        y=y,
        single_band=alone,
        instrument=instrument,
        shifts=shifts,
        truth=truth,
        response=response,
        active=active,
        inside=inside,
    )


def _anatomy(rng: torch.Generator, size: int, slices: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the slices at rest, complex, and bool maps of the object and of what is active."""
    y, x = (torch.linspace(-1, 1, size)[(..., *[None] * axis)] for axis in (1, 0))
    radius = 1 - 0.25 * torch.linspace(-1, 1, slices)[:, None, None] ** 2
    edge = radius - torch.hypot(x / 0.7, y / 0.82)
    tissue = 0.8 + 0.2 * torch.tanh(3 * _smooth(rng, slices, size, size // 4))
    phase = _smooth(rng, slices, size, 4)
    inside = edge > 0.05
    spots = _smooth(rng, slices, size, size // 7)
    level = torch.stack([part[within].quantile(0.92) for part, within in zip(spots, inside, strict=True)])
    still = torch.polar(torch.sigmoid(20 * edge) * tissue, phase)
    return still, inside, inside & (spots > level[:, None, None])


def _smooth(rng: torch.Generator, count: int, size: int, knots: int) -> Tensor:
    """Return random fields of unit strength that are smooth between knots, shape (count, row, column)."""
    coarse = torch.randn(1, count, knots, knots, generator=rng)
    return interpolate(coarse, (size, size), mode="bicubic", align_corners=True)[0]
