"""Cells of 2 x 2 pixels: half-size images out of one.

The pixels of a cell are numbered by rows, 0 1 above 2 3. In a stack the cells lie in its planes. A row or column
without a partner, the last one of an odd size, belongs to no cell.
"""

from __future__ import annotations

import torch
from torch import Tensor


def cells(y: Tensor) -> Tensor:
    """Return y, (..., row, column), as its cells: (..., row / 2, column / 2, 4).

    Examples
    --------
    >>> cells(torch.arange(6.0).view(2, 3))
    tensor([[[0., 1., 3., 4.]]])
    """
    rows, columns = (n // 2 for n in y.shape[-2:])
    whole = y[..., : 2 * rows, : 2 * columns].reshape(*y.shape[:-2], rows, 2, columns, 2)
    return whole.transpose(-3, -2).flatten(-2)


def neighbours(y: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw two adjacent pixels of each cell of y, (batch, channel, *space): each ordered pair is as likely.

    A cell has eight such pairs; two pixels at a diagonal are none. Channels share them.

    Returns
    -------
    tuple of Tensor
        The numbers of the first and of the second pixel, each (batch, 1, ..., row / 2, column / 2).
    """
    shape = (len(y), 1, *y.shape[2:-2], y.shape[-2] // 2, y.shape[-1] // 2)
    drawn = torch.randint(8, shape, generator=rng, device=y.device)
    first = drawn // 2
    return first, first ^ (1 + drawn % 2)  # number ^ 1 lies beside a pixel, number ^ 2 above or below it


def pick(y: Tensor, number: Tensor) -> Tensor:
    """Return the pixel with this number, (batch, 1, ..., row / 2, column / 2), of each cell of y."""
    of = cells(y)
    return of.gather(-1, number.unsqueeze(-1).expand(*of.shape[:-1], 1)).squeeze(-1)


def diagonals(y: Tensor) -> Tensor:
    """Return the means of both diagonals of each cell, first that of 1 and 2: (2, *shape of y), both axes halved."""
    of = cells(y)
    return torch.stack([(of[..., 1] + of[..., 2]) / 2, (of[..., 0] + of[..., 3]) / 2])
