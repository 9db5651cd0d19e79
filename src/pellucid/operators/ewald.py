"""The caps of Ewald spheres on which scattered waves show the Fourier space of an object."""

from __future__ import annotations

import math
from itertools import product

import torch
from torch import Tensor

from pellucid.errors import InputError

_SWEEPS = 5  # of the density compensation; more change nothing that is seen


def middle(shape: tuple[int, ...]) -> Tensor:
    """Return where the middle of an array lies, counted from its entry n // 2."""
    return torch.tensor([(n - 1) / 2 - n // 2 for n in shape], dtype=torch.float64)


def caps(
    directions: Tensor, wavenumber: float, aperture: float, sign: int, detector: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return which frequencies of the views are detected.

    Parameters
    ----------
    directions
        Unit vectors (view, 3) of the illumination, in the order z, y, x.
    wavenumber, aperture, sign
        As in `pellucid.operators.diffraction.Optics`.
    detector
        (row, column).

    Returns
    -------
    tuple
        Their index in (view, row, column), flat; lateral frequency (count, 2) and k_z (count, 1), radians per pixel.
    """
    axes = [2 * math.pi * (torch.arange(n, dtype=torch.float64) - n // 2) / n for n in detector]
    lateral = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).flatten(0, 1)
    k = sign * lateral + wavenumber * directions[:, None, 1:]
    squared = k.square().sum(-1).flatten()
    index = (squared < (aperture * wavenumber) ** 2).nonzero()[:, 0]
    if not len(index):
        raise InputError("No scattered wave enters the aperture: check directions, pixel size and numerical aperture.")
    axial = (wavenumber**2 - squared[index, None]).sqrt()
    return index, lateral[index % len(lateral)], axial


def density(points: Tensor, space: tuple[int, int, int], detector: tuple[int, int]) -> Tensor:
    """Return what part of Fourier space each point stands for, in voxels and at most one: (1 or B, count).

    Parameters
    ----------
    points
        (1 or B, 3, count), radians per pixel.
    space, detector
        Of the object and of the fields.

    Notes
    -----
    Weights w are sought with C w = 1, where C spreads to a grid, as fine as the frequencies of the detector are, and
    gathers from it with triangles one step wide [1]_.

    References
    ----------
    .. [1] J. G. Pipe, P. Menon, "Sampling density compensation in MRI: rationale and an iterative numerical solution",
       Magn. Reson. Med. 41, 1999.
    """
    fine = [max(n, m) for n, m in zip(space, (max(detector), *detector), strict=True)]
    size, share_of_voxel = torch.tensor(fine, dtype=torch.float64)[:, None], math.prod(space) / math.prod(fine)
    rows = []
    for row in points:
        place = row * size / (2 * math.pi) + size // 2
        low = place.floor()
        corners, shares = [], []
        for corner in product((0, 1), repeat=3):
            step = torch.tensor(corner)[:, None]
            at = (low.long() + step) % size.long()
            corners.append((at[0] * fine[1] + at[1]) * fine[2] + at[2])
            shares.append((1 - (place - low - step).abs()).prod(0).float())
        where, share = torch.stack(corners), torch.stack(shares)
        weight = torch.ones(row.shape[1])
        for _ in range(_SWEEPS):
            grid = torch.zeros(math.prod(fine)).index_add_(0, where.flatten(), (share * weight).flatten())
            weight = weight / (grid[where] * share).sum(0)
        rows.append((weight * share_of_voxel).clamp(max=1))
    return torch.stack(rows)
