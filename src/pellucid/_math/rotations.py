"""Rotations in three dimensions: matrices that act on (z, y, x) vectors, from the left."""

from __future__ import annotations

import torch
from torch import Tensor


def from_euler(angles: Tensor) -> Tensor:
    """Return the matrices that RELION's angles stand for: from the object's frame to that of its image.

    R = R_z(-psi) R_y(-tilt) R_z(-rot), each a counter-clockwise rotation about an axis of (x, y, z).

    Parameters
    ----------
    angles
        rot, tilt and psi in radians, shape (..., 3).

    Returns
    -------
    Tensor
        Shape (..., 3, 3), in ZYX order.

    References
    ----------
    Heymann, Chagoyen, Belnap, "Common conventions for interchange and archiving of three-dimensional electron
    microscopy information in structural biology", Journal of Structural Biology 151 (2005).

    Examples
    --------
    >>> import math
    >>> from_euler(torch.tensor([0.0, 0.0, math.pi / 2])).round().int().tolist()  # the object's x axis points to -y
    [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
    """
    cos, sin = angles.cos().unbind(-1), angles.sin().unbind(-1)
    return _about_z(cos[2], sin[2]) @ _about_y(cos[1], sin[1]) @ _about_z(cos[0], sin[0])


def to_euler(rotations: Tensor) -> Tensor:
    """Return rot, tilt and psi, with tilt in [0, pi] and rot zero where only rot + psi or rot - psi counts."""
    (zz, zy, zx), (yz, yy, _), (xz, xy, _) = (row.unbind(-1) for row in rotations.unbind(-2))
    sine = torch.hypot(zx, zy)
    level = sine < 16 * torch.finfo(rotations.dtype).eps
    rot = torch.where(level, 0, torch.atan2(zy, zx))
    psi = torch.where(level, torch.atan2(xy, yy), torch.atan2(yz, -xz))
    return torch.stack((rot, torch.atan2(sine, zz), psi), -1)


def uniform_rotations(count: int, rng: torch.Generator, dtype: torch.dtype = torch.float32) -> Tensor:
    """Draw matrices uniformly on SO(3), shape (count, 3, 3): unit quaternions of four Gaussian numbers.

    References
    ----------
    Shoemake, "Uniform random rotations", Graphics Gems III (1992).
    """
    drawn = torch.randn(count, 4, dtype=torch.float64, device=rng.device, generator=rng)
    q = drawn / drawn.norm(dim=1, keepdim=True)
    w, v = q[:, 0, None, None], q[:, 1:]
    identity = torch.eye(3, dtype=v.dtype, device=v.device)
    turn = torch.linalg.cross(identity.expand(count, 3, 3), v[:, None], dim=-1)
    rotations: Tensor = (2 * w**2 - 1) * identity + 2 * v[:, :, None] * v[:, None, :] + 2 * w * turn
    return rotations.to(dtype)


def angle_between(a: Tensor, b: Tensor) -> Tensor:
    """Return the angle in radians of the rotation that leads from a to b, shape (...): the distance on SO(3).

    |A - B| = 2 sqrt(2) sin(angle / 2), which is exact for small angles where the trace is not.
    """
    half: Tensor = torch.linalg.matrix_norm(a - b) / 8**0.5
    return 2 * torch.asin(half.clamp(max=1))


def _about_z(cos: Tensor, sin: Tensor) -> Tensor:
    """Return the clockwise rotation about z."""
    zero, one = torch.zeros_like(cos), torch.ones_like(cos)
    return torch.stack((one, zero, zero, zero, cos, -sin, zero, sin, cos), -1).reshape(*cos.shape, 3, 3)


def _about_y(cos: Tensor, sin: Tensor) -> Tensor:
    """Return the clockwise rotation about y."""
    zero, one = torch.zeros_like(cos), torch.ones_like(cos)
    return torch.stack((cos, zero, sin, zero, one, zero, -sin, zero, cos), -1).reshape(*cos.shape, 3, 3)
