"""A volume that is itself the model: its voxels are the parameters."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.restorers.base import Restorer


class Volume(Restorer):
    """Voxels in a ball, not negative, zero at first.

    Parameters
    ----------
    size
        Of each edge.
    radius
        Of the ball, in half edges: outside all is zero.
    symmetry
        Rotations of the point group, (z, y, x) matrices of shape (element, 3, 3); the volume is the mean over them.

    Notes
    -----
    Only a volume that is not negative has a sign: the contrast of the images cannot tell V from -V where both are
    allowed and the transfer function may be wrong. A voxel at zero moves where its gradient would raise it, which is
    projected descent; the derivative of a rectifier would hold it there for ever, and with it the zero volume.

    Examples
    --------
    >>> Volume(8)().shape
    torch.Size([1, 1, 8, 8, 8])
    """

    mask: Tensor
    symmetry: Tensor | None

    def __init__(self, size: int, *, radius: float = 0.85, symmetry: Tensor | None = None) -> None:
        super().__init__()
        if symmetry is not None and (symmetry.ndim != 3 or symmetry.shape[1:] != (3, 3)):
            raise InputError(
                f"A point group needs the shape (element, 3, 3), and came as {tuple(symmetry.shape)}: give one matrix "
                "for each of its rotations, the identity among them."
            )
        ramp = torch.arange(size) - size // 2
        z, y, x = torch.meshgrid(ramp, ramp, ramp, indexing="ij")
        self.register_buffer("mask", (z**2 + y**2 + x**2 <= (radius * size / 2) ** 2).float())
        self.register_buffer("symmetry", symmetry)
        self.voxels = nn.Parameter(torch.zeros(1, 1, size, size, size))

    def forward(self, given: Measurement | None = None, rng: torch.Generator | None = None) -> Tensor:
        """Return the volume, (1, 1, size, size, size), whatever was measured."""
        positive: Tensor = _Positive.apply(self.voxels)  # type: ignore[no-untyped-call]
        volume = positive * self.mask
        return volume if self.symmetry is None else turned(volume, self.symmetry).mean(0, keepdim=True)


def turned(volume: Tensor, rotations: Tensor) -> Tensor:
    """Return a volume after each rotation about its centre, by trilinear interpolation.

    Parameters
    ----------
    volume
        Shape (1, 1, size, size, size); its centre is the voxel size // 2, and outside it is zero.
    rotations
        (z, y, x) matrices, shape (element, 3, 3).

    Returns
    -------
    Tensor
        Shape (element, 1, size, size, size).
    """
    size = volume.shape[-1]
    ramp = torch.arange(size, dtype=volume.dtype, device=volume.device) - size // 2
    place = torch.stack(torch.meshgrid(ramp, ramp, ramp, indexing="ij"), -1)
    source = (place.reshape(-1, 3) @ rotations.to(volume.dtype)).view(-1, size, size, size, 3)  # R^T r
    grid = (2 * (source.flip(-1) + size // 2) + 1) / size - 1
    return F.grid_sample(volume.expand(len(rotations), -1, -1, -1, -1), grid, align_corners=False)


class _Positive(torch.autograd.Function):
    """max(v, 0); the gradient passes where v is above zero or descent would raise it."""

    @staticmethod
    def forward(ctx: Any, v: Tensor) -> Tensor:
        ctx.save_for_backward(v)
        return v.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (v,) = ctx.saved_tensors
        return torch.where((v > 0) | (gradient < 0), gradient, 0)
