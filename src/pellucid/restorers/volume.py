"""A volume that is itself the model: its voxels are the parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pellucid._math.turn import turned
from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.restorers.base import Restorer
from pellucid.restorers.generator import Generator


class Ball(nn.Module):
    r"""Density in a ball, made of Gaussian blobs of which none is negative.

    .. math:: x(r) = \sum_{|r'| \le R} \max(v(r'), 0) \, e^{-|r - r'|^2 / 2 b^2} / (2 \pi b^2)^{3/2}

    Parameters
    ----------
    size
        Of each edge of a volume, in voxels.
    radius
        Of the ball, in half edges: outside there are no blobs.
    positive
        Whether none is negative; otherwise v may have either sign.
    blur
        Their width b, a standard deviation in voxels; at zero a blob is a voxel.

    Notes
    -----
    The blobs keep out what is finer than they are: noise that was learned at high frequencies, where images tell
    little. A voxel at zero moves where its gradient would raise it, which is projected descent; the derivative of a
    rectifier would hold it there for ever, and with it the zero volume.
    """

    mask: Tensor
    blob: Tensor

    def __init__(self, size: int, *, radius: float = 0.85, positive: bool = True, blur: float = 0.0) -> None:
        super().__init__()
        if not radius > 0:
            raise InputError(f"The radius of a volume, in half edges, is above zero, but it is {radius:g}.")
        ramp = torch.arange(size) - size // 2
        inside = ramp[:, None, None] ** 2 + ramp[:, None] ** 2 + ramp**2 <= (radius * size / 2) ** 2
        self.register_buffer("mask", inside.float())
        blob = torch.exp(-0.5 * ((ramp - ramp[:, None]) / max(blur, 1e-3)) ** 2)
        self.register_buffer("blob", blob / blob.sum(0).max())
        self.positive = positive

    def forward(self, voxels: Tensor) -> Tensor:
        """Return the density that v, (batch, 1, size, size, size), stands for."""
        density: Tensor = _Positive.apply(voxels) if self.positive else voxels  # type: ignore[no-untyped-call]
        density = density * self.mask
        for _ in range(3):  # the last axis is blurred, and becomes the first: as matrix products, 16 times as fast
            density = (density @ self.blob).movedim(-1, 2)
        return density


class Volume(Restorer, Generator):
    """Voxels in a ball, zero at first: the generator that always draws the same.

    Parameters
    ----------
    size
        Of each edge.
    radius, positive, blur
        As for `Ball`.
    symmetry
        Rotations of the point group, (z, y, x) matrices of shape (element, 3, 3); the volume is the mean over them.

    Notes
    -----
    Only a volume that is not negative has a sign: the contrast of the images cannot tell V from -V where both are
    allowed and the transfer function may be wrong.

    Examples
    --------
    >>> Volume(8)().shape
    torch.Size([1, 1, 8, 8, 8])
    """

    symmetry: Tensor | None

    def __init__(
        self,
        size: int,
        *,
        radius: float = 0.85,
        positive: bool = True,
        blur: float = 0.0,
        symmetry: Tensor | None = None,
    ) -> None:
        super().__init__()
        if symmetry is not None and (symmetry.ndim != 3 or symmetry.shape[1:] != (3, 3)):
            raise InputError(
                f"A point group needs the shape (element, 3, 3), and came as {tuple(symmetry.shape)}: give one matrix "
                "for each of its rotations, the identity among them."
            )
        self.ball = Ball(size, radius=radius, positive=positive, blur=blur)
        self.register_buffer("symmetry", symmetry)
        self.voxels = nn.Parameter(torch.zeros(1, 1, size, size, size))

    def forward(self, given: Measurement | None = None, rng: torch.Generator | None = None) -> Tensor:
        """Return the volume, (1, 1, size, size, size), whatever was measured."""
        volume: Tensor = self.ball(self.voxels)
        return volume if self.symmetry is None else turned(volume, self.symmetry).mean(0, keepdim=True)

    def sample(self, count: int, rng: torch.Generator) -> Tensor:
        """Return the volume once, for any count: operators broadcast it."""
        volume: Tensor = self()
        return volume


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
