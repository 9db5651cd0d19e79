"""Functional magnetic resonance series: a block design, the haemodynamic response to it, drift and noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Series:
    """A simulated series, and the truth.

    Parameters
    ----------
    noisy, clean
        Magnitude images with and without noise, shape (time, *space).
    response
        The expected course of an active voxel, between 0 and 1, shape (time,).
    active
        Which voxels respond, bool, of the shape of the space.
    """

    noisy: Tensor
    clean: Tensor
    response: Tensor
    active: Tensor


def haemodynamic_response(seconds: Tensor) -> Tensor:
    r"""Return the response to a short stimulus: two gamma densities, of peak and undershoot (Glover [1]_).

    .. math:: h(t) = \frac{t^5 e^{-t}}{5!} - \frac{1}{6}\,\frac{t^{15} e^{-t}}{15!}

    Parameters
    ----------
    seconds
        Time after the stimulus; there is no response before it.

    References
    ----------
    .. [1] G. H. Glover, "Deconvolution of impulse response in event-related BOLD fMRI", NeuroImage 9, 1999.

    Examples
    --------
    >>> haemodynamic_response(torch.arange(20.0)).argmax().item()
    5
    """
    t = seconds.clamp(min=0)
    peak, undershoot = (torch.exp(n * torch.log(t) - t - math.lgamma(n + 1)) for n in (5.0, 15.0))
    return peak - undershoot / 6


def block_design(frames: int, *, repetition_s: float, block_s: float) -> Tensor:
    """Return the expected course of an active voxel: rest and task in turn, convolved with the response.

    Parameters
    ----------
    frames
        Number of images.
    repetition_s
        Time from one to the next.
    block_s
        Length of a block of rest or of task; the first one is rest.

    Returns
    -------
    Tensor
        Shape (frames,), with the maximum one, in double precision.
    """
    fine = 16  # steps in a repetition
    time = torch.arange(frames * fine, dtype=torch.float64) * repetition_s / fine
    task = (time // block_s) % 2
    kernel = haemodynamic_response(time[: math.ceil(32 / repetition_s * fine)])
    course = torch.nn.functional.conv1d(task[None, None], kernel.flip(0)[None, None], padding=len(kernel) - 1)[0, 0]
    course = course[: len(time) : fine]
    return course / course.abs().max().clamp(min=1e-12)


def fmri_series(
    anatomy: Tensor,
    active: Tensor,
    rng: torch.Generator,
    *,
    frames: int = 120,
    repetition_s: float = 2.0,
    block_s: float = 20.0,
    change: float = 0.03,
    drift: float = 0.02,
    tsnr: float = 40.0,
) -> Series:
    """Simulate a series: active voxels brighten with the task, everything drifts, and noise is Rician.

    Parameters
    ----------
    anatomy
        Magnitude of the resting image, shape of the space.
    active
        Which voxels respond, bool, of the same shape.
    rng
        Where drift and noise come from.
    frames, repetition_s, block_s
        As in `block_design`.
    change
        Relative signal change of an active voxel.
    drift
        Relative amplitude of the slow drift: the first two cosines over the series, each voxel with weights of
        its own.
    tsnr
        Mean over standard deviation of the noise, in time, of a voxel of mean brightness; the mean is over the
        voxels above a tenth of the maximum.
    """
    response = block_design(frames, repetition_s=repetition_s, block_s=block_s).to(anatomy)
    shape = (frames, *[1] * anatomy.ndim)
    clean = anatomy * (1 + change * active * response.reshape(shape))
    phase = math.pi * (torch.arange(frames).to(anatomy) + 0.5) / frames
    for order in (1, 2):
        weight = torch.randn(anatomy.shape, generator=rng, dtype=anatomy.dtype)
        clean = clean + drift / order * anatomy * weight * torch.cos(order * phase).reshape(shape)
    sigma = anatomy[anatomy > 0.1 * anatomy.max()].mean() / tsnr
    real, imaginary = (sigma * torch.randn(clean.shape, generator=rng, dtype=clean.dtype) for _ in range(2))
    return Series(noisy=torch.hypot(clean + real, imaginary), clean=clean, response=response, active=active)
