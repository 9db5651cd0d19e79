"""Localisation microscopy: single emitters, or an image of their density, to the frames of a camera."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from pellucid.errors import InputError
from pellucid.operators.base import LinearOperator, Operator, Rows, pick


def pixel_integral(centres: Tensor, sigma: Tensor, length: int) -> Tensor:
    """Return the share of a Gaussian line that falls on each pixel of a row.

    E(i) = ½ erf((i + ½ - c) / √2 σ) - ½ erf((i - ½ - c) / √2 σ)

    Parameters
    ----------
    centres
        c, in pixels; whole numbers are the middles of pixels. Any shape.
    sigma
        σ, in pixels, broadcastable to the centres.
    length
        Number of pixels; those outside take their share with them.

    Returns
    -------
    Tensor
        Shape (*centres, length).

    References
    ----------
    Smith, Joseph, Rieger, Lidke, "Fast, single-molecule localization that achieves theoretically minimum
    uncertainty", Nature Methods 7 (2010), equation 4a.

    Examples
    --------
    >>> pixel_integral(torch.tensor(1.0), torch.tensor(1e-3), 3).tolist()
    [0.0, 1.0, 0.0]
    """
    edges = torch.arange(length + 1, dtype=centres.dtype, device=centres.device) - 0.5
    steps = 0.5 * torch.erf((edges - centres.unsqueeze(-1)) / (math.sqrt(2) * sigma.unsqueeze(-1)))
    return steps.diff(dim=-1)


class Emitters(Operator):
    """Frames of single emitters: y = background + Σ_e photons_e · E_row · E_column, E the integral over each pixel.

    Images are lists: x has shape (batch, emitter, 3) with (row, column, photons) of each emitter, in pixels with the
    middle of the first one at zero. A frame is an entry of the batch; one with fewer emitters is filled with some of no
    photons. The frames are differentiable in all three, and `linearize` gives what the bound on the precision needs.

    Parameters
    ----------
    sigma
        Standard deviation of the point spread function, in pixels; positive; a number, or shape (1 or B,).
    space
        (rows, columns) of a frame.
    background
        Photons a pixel; a number, or shape (1 or B,).
    count
        How many emitters `backproject` returns for a frame.
    """

    sigma: Tensor
    background: Tensor

    def __init__(
        self, sigma: float | Tensor, *, space: tuple[int, int], background: float | Tensor = 0.0, count: int = 1
    ) -> None:
        super().__init__()
        self.register_buffer("sigma", _widths(sigma))
        self.register_buffer("background", torch.as_tensor(background).reshape(-1) * 1.0)
        self.space, self.count = space, count
        self.in_shape, self.out_shape = (None, 3), (1, *space)

    def forward(self, x: Tensor) -> Tensor:
        """Return frames, (batch, 1, row, column), of emitters of shape (batch, emitter, 3)."""
        sigma = self.sigma.to(x.dtype)[:, None]
        rows, columns = (pixel_integral(x[..., k], sigma, n) for k, n in enumerate(self.space))
        frames = torch.einsum("ber,bec,be->brc", rows, columns, x[..., 2])
        return frames.unsqueeze(1) + self.background.to(x.dtype)[:, None, None, None]

    def backproject(self, y: Tensor) -> Tensor:
        """Return the brightest local maxima as emitters, (batch, count, 3), in whole pixels."""
        above = y - self.background.to(y.dtype)[:, None, None, None]
        peaks = torch.where(above == max_pool2d(above, 3, 1, 1), above, 0).flatten(1)
        brightness, place = peaks.topk(self.count)
        share = torch.erf(0.5 / (math.sqrt(2) * self.sigma.to(y.dtype))) ** 2  # of the photons, on the middle pixel
        columns = self.space[1]
        return torch.stack(
            [(place // columns).to(y.dtype), (place % columns).to(y.dtype), brightness / share[:, None]], 2
        )

    def __getitem__(self, rows: Rows) -> Emitters:
        """Return the operator of some entries of the batch."""
        sigma, background = pick(self.sigma, rows), pick(self.background, rows)
        return Emitters(sigma, space=self.space, background=background, count=self.count)


class EmitterDensity(LinearOperator):
    """Frames of a fine image of photons: each of its pixels is an emitter at its middle, y = A x Bᵀ.

    This is `Emitters` on a grid, exact at the edges too: A and B hold the share of each row and column of the fine
    image on each row and column of a frame.

    Parameters
    ----------
    sigma
        Standard deviation of the point spread function, in pixels of a frame; positive; a number, or shape (1 or B,).
    space
        (rows, columns) of a frame.
    factor
        How many times finer the image is.
    """

    sigma: Tensor

    def __init__(self, sigma: float | Tensor, *, space: tuple[int, int], factor: int) -> None:
        super().__init__()
        if factor < 1:
            raise InputError(
                f"The image is a whole number of times finer than the frames, at least 1, and not {factor}."
            )
        self.register_buffer("sigma", _widths(sigma))
        self.space, self.factor = space, factor
        self.in_shape, self.out_shape = (1, factor * space[0], factor * space[1]), (1, *space)

    def forward(self, x: Tensor) -> Tensor:
        """Return frames, (batch, 1, row, column), of fine images (batch, 1, factor · row, factor · column)."""
        return torch.einsum("bnr,b...nm,bmc->b...rc", *self._with(x))

    def adjoint(self, y: Tensor) -> Tensor:
        """Return Aᵀ y B."""
        return torch.einsum("bnr,b...rc,bmc->b...nm", *self._with(y))

    def _with(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return A, x and B, the matrices as (1 or B, fine, coarse)."""
        sigma = self.sigma.to(x.real.dtype)[:, None]
        places = (torch.arange(n * self.factor, dtype=sigma.dtype, device=sigma.device) for n in self.space)
        rows, columns = (
            pixel_integral(((place + 0.5) / self.factor - 0.5)[None], sigma, len(place) // self.factor).to(x)
            for place in places
        )
        return rows.expand(len(x), -1, -1), x, columns.expand(len(x), -1, -1)

    def __getitem__(self, rows: Rows) -> EmitterDensity:
        """Return the operator of some entries of the batch."""
        return EmitterDensity(pick(self.sigma, rows), space=self.space, factor=self.factor)


def _widths(sigma: float | Tensor) -> Tensor:
    """Return standard deviations as a tensor of shape (1 or B,), checked."""
    widths = torch.as_tensor(sigma).reshape(-1)
    widths = widths if widths.is_floating_point() else widths.to(torch.get_default_dtype())
    if not bool((widths > 0).all()):
        raise InputError(f"The width of a point spread function is above zero, and {sigma} is not.")
    return widths
