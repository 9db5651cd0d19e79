"""Electron tomography: a volume that is tilted about one axis, and the wedge that no tilt reaches."""

from __future__ import annotations

from math import ceil, hypot, pi, sin, tan

import torch
from torch import Tensor

from pellucid._math.fft import good_size
from pellucid.operators.base import LinearOperator, Operator, Rows
from pellucid.operators.elementary import Sampling
from pellucid.operators.radon import Radon, Window, weights_of_kept


class Tilt(LinearOperator):
    """Projections of a volume, tilted about an axis in its plane: (batch, 1, plane, row, column) to views.

    The rows of the volume follow the tilt axis, its planes the beam of the untilted view; every row is a `Radon`
    transform of its own. In the view at tilt θ a voxel appears at

        column = x cos θ + z sin θ + shift,      row = y,      all from the middle,

    and the whole view is turned by `tilt_axis` about its middle, from x towards y. Views have the shape
    (batch, 1, view, row, column), rows and columns exchanged where the axis lies closer to the row.

    Parameters
    ----------
    angles
        θ in radians, shape (1 or B, view).
    space
        Planes, rows and columns of the volume.
    tilt_axis
        Angle of the tilt axis against the direction of the rows of pixels that a view counts upwards (y), in radians.
    shift
        Of the tilt axis from the middle of the views, in pixels across the axis.
    window
        Damps high frequencies of the ramp filter of `backproject`.

    Notes
    -----
    Views are turned by quarter turns, which are exact, and by three shears (Unser, Thévenaz, Yaroslavsky 1995), each a
    shift of lines by their Fourier transform, which keep all frequencies; what leaves the frame is lost.
    """

    def __init__(
        self,
        angles: Tensor,
        *,
        space: tuple[int, int, int],
        tilt_axis: float = 0.0,
        shift: float | Tensor = 0.0,
        window: Window = "ramp",
    ) -> None:
        super().__init__()
        planes, rows, columns = space
        centre = torch.as_tensor(shift, dtype=torch.float64) + (columns - 1) / 2
        self.radon = Radon(-angles, space=(planes, columns), detector=columns, centre=centre, window=window)
        self.space, self.tilt_axis = space, tilt_axis
        self.quarters = round(tilt_axis / (pi / 2))
        self.rest = tilt_axis - self.quarters * pi / 2
        frame = (columns, rows) if self.quarters % 2 else (rows, columns)
        self.in_shape, self.out_shape = (1, *space), (1, angles.shape[1], *frame)

    def forward(self, x: Tensor) -> Tensor:
        """Return the views of x, (batch, 1, plane, row, column) to (batch, 1, view, row, column)."""
        upright = self.radon(x[:, 0].transpose(1, 2)).transpose(1, 2)[:, None]
        return torch.rot90(_turned(upright, self.rest), self.quarters, (-1, -2))

    def adjoint(self, y: Tensor) -> Tensor:
        """Smear the views y back through the volume."""
        return self.radon.adjoint(self._upright(y)).transpose(1, 2)[:, None]

    def backproject(self, y: Tensor) -> Tensor:
        """Return the weighted back-projection of the views y: ramp filter across the tilt axis, then adjoint."""
        return self.radon.backproject(self._upright(y)).transpose(1, 2)[:, None]

    def views(self, indices: slice | Tensor) -> Tilt:
        """Return the operator of some of the views, by index, with weights of their own."""
        return self._with(self.radon.views(indices))

    def restrict(self, keep: Tensor) -> Operator:
        """Return the operator that measures only where `keep` is not zero, with weights of the views that remain.

        Parameters
        ----------
        keep
            Broadcastable to (batch, 1, view, row, column).
        """
        kept = (keep != 0).flatten(3).any(3)[:, 0].expand(-1, self.radon.angles.shape[1])
        return Sampling(keep) @ self._with(self.radon.weighted(weights_of_kept(self.radon.angles, kept)))

    def __getitem__(self, rows: Rows) -> Tilt:
        """Return the operator of some entries of the batch."""
        return self._with(self.radon[rows])

    def _upright(self, y: Tensor) -> Tensor:
        """Return the views with the tilt axis along their rows, (batch, row, view, column)."""
        return _turned(torch.rot90(y, -self.quarters, (-1, -2)), -self.rest)[:, 0].transpose(1, 2)

    def _with(self, radon: Radon) -> Tilt:
        made = Tilt(-radon.angles, space=self.space, tilt_axis=self.tilt_axis, window=radon.window)
        made.radon = radon
        return made


def measured_wedge(angles: Tensor, space: tuple[int, int, int]) -> Tensor:
    """Return where the Fourier transform of a volume is measured by some tilt: all but the missing wedge.

    Every frequency between two neighbouring tilts counts as measured.

    Parameters
    ----------
    angles
        Tilts in radians, within a half turn, shape (view,).
    space
        Planes, rows and columns.

    Returns
    -------
    Tensor
        Bool, shape (1, 1, plane, row, column), zero frequency at index n // 2 of every axis.

    Examples
    --------
    >>> measured_wedge(torch.tensor([-0.8, 0.8]), (3, 1, 3))[0, 0, :, 0].int().tolist()
    [[1, 0, 1], [1, 1, 1], [1, 0, 1]]
    """
    planes, rows, columns = space
    z, x = (torch.fft.fftshift(torch.fft.fftfreq(n, dtype=torch.float64)) for n in (planes, columns))
    lowest, highest = float(angles.min()), float(angles.max())
    direction = (torch.atan2(z[:, None], x) - lowest) % pi
    seen = (direction <= highest - lowest + 1e-9) | (direction >= pi - 1e-9)
    seen[planes // 2, columns // 2] = True
    return seen[None, None, :, None].expand(1, 1, planes, rows, columns)


def _turned(views: Tensor, angle: float) -> Tensor:
    """Turn images about their middle, from x towards y, by an eighth of a turn at most; the transpose turns back."""
    if angle == 0:
        return views
    if views.is_complex():
        return torch.complex(_turned(views.real, angle), _turned(views.imag, angle))
    rows, columns = views.shape[-2:]
    side = good_size(ceil(1.1 * hypot(rows, columns)))
    top, left = (side - rows) // 2, (side - columns) // 2
    padded = torch.nn.functional.pad(views, (left, side - columns - left, top, side - rows - top))
    x = torch.arange(side, dtype=views.dtype, device=views.device) - left - (columns - 1) / 2
    y = torch.arange(side, dtype=views.dtype, device=views.device) - top - (rows - 1) / 2
    padded = _sheared(padded, tan(angle / 2) * y)
    padded = _sheared(padded.mT, -sin(angle) * x).mT
    padded = _sheared(padded, tan(angle / 2) * y)
    return padded[..., top : top + rows, left : left + columns]


def _sheared(lines: Tensor, shifts: Tensor) -> Tensor:
    """Return f(x + shift) for every row f of (..., row, column)."""
    frequency = torch.fft.rfftfreq(lines.shape[-1], dtype=lines.dtype, device=lines.device)
    angle = 2 * pi * shifts[:, None] * frequency
    moved: Tensor = torch.fft.irfft(torch.fft.rfft(lines) * torch.polar(torch.ones_like(angle), angle), lines.shape[-1])
    return moved
