"""Where k-space is fully sampled around its centre: the calibration region (ACS)."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.errors import InputError

LEAST = 4  # samples along each axis, below which nothing can be calibrated


def acquired(kspace: Tensor) -> Tensor:
    """Return which samples were acquired: those that are not zero in every coil.

    Parameters
    ----------
    kspace
        Samples on the Cartesian grid, zero where nothing was measured, shape (batch, coil, *space).

    Returns
    -------
    Tensor
        Mask (batch, 1, *space), bool.
    """
    return (kspace != 0).any(1, keepdim=True)


def calibration_region(mask: Tensor, widest: int | None = 24) -> tuple[slice, ...]:
    """Return the largest box around the centre of k-space in which every sample was acquired.

    The box grows by one sample along each axis in turn, as long as it stays full, so it is a square where it can be.
    Its own index ``n // 2`` is the centre of k-space.

    Parameters
    ----------
    mask
        Which samples were acquired, shape (batch, 1 or coil, *space); the box is full in all of the batch.
    widest
        No axis of the box is longer than this; None for no limit.

    Raises
    ------
    InputError
        Where the box is thinner than four samples.

    Examples
    --------
    >>> mask = torch.zeros(1, 1, 64, 64)
    >>> mask[..., 1::4] = mask[..., 28:36] = 1
    >>> calibration_region(mask)
    (slice(20, 44, None), slice(28, 36, None))
    """
    full = (mask != 0).all(0).all(0)
    widths, growing = [1] * full.ndim, list(range(full.ndim))
    while growing:
        for axis in tuple(growing):
            wider = [w + (i == axis) for i, w in enumerate(widths)]
            most = full.shape[axis] if widest is None else min(widest, full.shape[axis])
            if wider[axis] <= most and bool(full[_box(full.shape, wider)].all()):
                widths = wider
            else:
                growing.remove(axis)
    if min(widths) < min(LEAST, *full.shape) or not bool(full[_box(full.shape, widths)].all()):
        raise InputError(
            f"Calibration needs a fully sampled centre of k-space (ACS), at least {LEAST} samples along each axis, but "
            f"only {' x '.join(map(str, widths))} were found around its middle; give calibration data of their own, or "
            "centre the k-space."
        )
    return _box(full.shape, widths)


def calibration_data(kspace: Tensor, widest: int | None = 24) -> Tensor:
    """Return the fully sampled centre of k-space, shape (batch, coil, *region)."""
    return kspace[:, :, *calibration_region(acquired(kspace), widest)]


def patches(kspace: Tensor, kernel: tuple[int, ...]) -> Tensor:
    """Return every patch of k-space that lies within it.

    Parameters
    ----------
    kspace
        Shape (batch, coil, *region).
    kernel
        Width of a patch along each axis of the region.

    Returns
    -------
    Tensor
        Shape (batch, position, coil * samples of a patch), coils outermost.
    """
    for axis, width in enumerate(kernel, start=2):
        kspace = kspace.unfold(axis, width, 1)
    return kspace.movedim(1, 1 + len(kernel)).flatten(1, len(kernel)).flatten(2)


def _box(shape: torch.Size, widths: list[int]) -> tuple[slice, ...]:
    """Return the box of these widths whose index width // 2 is the index n // 2 of the grid."""
    starts = [n // 2 - w // 2 for n, w in zip(shape, widths, strict=True)]
    return tuple(slice(start, start + w) for start, w in zip(starts, widths, strict=True))
