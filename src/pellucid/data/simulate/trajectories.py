"""Non-Cartesian paths through k-space: points (1, dims, count) in radians per pixel, one read-out after another."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pellucid.operators.trajectories import GOLDEN_ANGLE, radial_trajectory


def radial(spokes: int, samples: int, *, golden: bool = False) -> Tensor:
    """Return spokes through the centre of a plane, whose sample ``samples // 2`` is the centre.

    Parameters
    ----------
    spokes
        Number of read-outs. Pi / 2 times the pixels along an axis satisfy Nyquist at the edge.
    samples
        Of each read-out.
    golden
        Whether each spoke is turned by the golden angle against the one before it, so that any spokes in a row cover
        the plane; otherwise they divide the half turn evenly.

    Returns
    -------
    Tensor
        Rows (y, x), shape (1, 2, spokes * samples).

    References
    ----------
    .. [1] S. Winkelmann et al., "An optimal radial profile order based on the golden ratio for time-resolved MRI",
       IEEE Trans. Med. Imaging 26, 2007.

    Examples
    --------
    >>> radial(2, 2)[0].round(decimals=2) + 0.0
    tensor([[ 0.0000,  0.0000, -3.1400,  0.0000],
            [-3.1400,  0.0000,  0.0000,  0.0000]], dtype=torch.float64)
    """
    angles = torch.arange(spokes, dtype=torch.float64) * (GOLDEN_ANGLE if golden else math.pi / spokes)
    return radial_trajectory(samples, angles, centre=samples // 2)


def spiral(interleaves: int, samples: int, turns: float) -> Tensor:
    """Return Archimedean spirals from the centre of a plane outwards, run through at constant speed.

    Parameters
    ----------
    interleaves
        Number of read-outs, each turned against the one before it.
    samples
        Of each read-out.
    turns
        Of one spiral. Half the pixels along an axis over `interleaves` satisfy Nyquist.

    Returns
    -------
    Tensor
        Rows (y, x), shape (1, 2, interleaves * samples).
    """
    part = torch.sqrt(torch.arange(samples, dtype=torch.float64) / samples)
    start = 2 * math.pi * torch.arange(interleaves, dtype=torch.float64) / interleaves
    angles = start[:, None] + 2 * math.pi * turns * part
    return math.pi * torch.stack((part * angles.sin(), part * angles.cos())).flatten(1)[None]


def radial_3d(spokes: int, samples: int) -> Tensor:
    """Return spokes through the centre of a volume, evenly over the sphere in any order (golden means).

    Parameters
    ----------
    spokes, samples
        Number of read-outs, and of the samples of each.

    Returns
    -------
    Tensor
        Rows (z, y, x), shape (1, 3, spokes * samples).

    References
    ----------
    .. [1] R. W. Chan et al., "Temporal stability of adaptive 3D radial MRI using multidimensional golden means",
       Magn. Reson. Med. 61, 2009.
    """
    index = torch.arange(spokes, dtype=torch.float64)
    height = (index * 0.465571231876768) % 1
    angle = 2 * math.pi * ((index * 0.682327803828019) % 1)
    ring = torch.sqrt(1 - height**2)
    direction = torch.stack((height, ring * angle.sin(), ring * angle.cos()))
    radii = 2 * math.pi * (torch.arange(samples, dtype=torch.float64) - samples // 2) / samples
    return (direction[..., None] * radii).flatten(1)[None]
