"""Volumes turned, displaced and mirrored about their centre, the voxel size // 2."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid._math.fft import fft, ifft


def turned(volume: Tensor, rotations: Tensor, shifts: Tensor | None = None, *, finer: int = 1) -> Tensor:
    """Return a volume after each rotation about its centre and each shift, by trilinear interpolation.

    Parameters
    ----------
    volume
        Shape (1, 1, size, size, size); outside it is zero.
    rotations
        (z, y, x) matrices, shape (element, 3, 3).
    shifts
        (z, y, x) in voxels, after the rotation, shape (element, 3); zero where None is given.
    finer
        Between how many times as many voxels a side is interpolated; they are found by the Fourier series.

    Returns
    -------
    Tensor
        Shape (element, 1, size, size, size). Gradients flow to volume, rotations and shifts.
    """
    size = volume.shape[-1]
    ramp = torch.arange(size, dtype=volume.dtype, device=volume.device) - size // 2
    place = torch.stack(torch.meshgrid(ramp, ramp, ramp, indexing="ij"), -1).reshape(1, -1, 3)
    place = place if shifts is None else place - shifts.to(volume.dtype)[:, None]
    source = (place @ rotations.to(volume.dtype)).view(-1, size, size, size, 3)  # R^T (r - t)
    finest = volume if finer == 1 else resized(volume, finer * size)
    grid = (2 * (finer * source.flip(-1) + finer * size // 2) + 1) / (finer * size) - 1
    return F.grid_sample(finest.expand(len(rotations), -1, -1, -1, -1), grid, align_corners=False)


def resized(volume: Tensor, size: int) -> Tensor:
    """Return the same function with another number of voxels along each edge: its Fourier series, cut or continued.

    The centre stays the centre.
    """
    old = volume.shape[-1]
    before = size // 2 - old // 2
    spectrum = F.pad(fft(volume, 3), (before, size - old - before) * 3)
    found: Tensor = ifft(spectrum, 3).real * (size / old) ** 1.5
    return found


def mirrored(volume: Tensor) -> Tensor:
    """Return the other hand: the volume with z for -z."""
    flipped = volume.flip(-3)
    return flipped if volume.shape[-1] % 2 else flipped.roll(1, -3)
