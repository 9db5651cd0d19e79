"""Blind spots of any shape, for noise that is correlated between pixels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from pellucid.data.measurement import Measurement
from pellucid.data.splits import Grid, mask_of
from pellucid.errors import InputError

_REACH = 16  # pixels: from the centre of a hole to its end


class Hole(nn.Module):
    """The pixels, in the plane, that are hidden together with one: part of a model, so that they are kept with it.

    Parameters
    ----------
    mask
        True for what is hidden, (rows, columns), of odd sizes up to 33; the centre is the pixel itself.

    Raises
    ------
    InputError
        Where the mask is of another kind.
    """

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        sizes = tuple(mask.shape)
        if len(sizes) != 2 or any(n % 2 == 0 or n > 2 * _REACH + 1 for n in sizes) or mask.dtype != torch.bool:
            raise InputError(
                f"A blind spot is a true-or-false mask of rows and columns, both odd and up to {2 * _REACH + 1}; the "
                f"one given has shape {sizes} and type {mask.dtype}."
            )
        if not bool(mask[sizes[0] // 2, sizes[1] // 2]):
            raise InputError("The centre of a blind spot is the hidden pixel itself, but the mask is false there.")
        framed = torch.zeros(2 * _REACH + 1, 2 * _REACH + 1, dtype=torch.bool)
        top, left = (_REACH - n // 2 for n in sizes)
        framed[top : top + sizes[0], left : left + sizes[1]] = mask
        self.register_buffer("mask", framed)
        self._made_for: tuple[int, torch.device] | None = None

    @property
    def offsets(self) -> Tensor:
        """The hidden pixels, as shifts (row, column) from the centre."""
        self._read()
        return self._offsets

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns of the hole."""
        self._read()
        return self._extent

    @property
    def isotropic(self) -> bool:
        """Whether an exchange of rows and columns leaves the hole as it is."""
        return bool((self.mask == self.mask.T).all())

    def _read(self) -> None:
        """Read the shifts from the mask, once after each change of it: reading makes a device wait."""
        now = (self.mask._version, self.mask.device)
        if self._made_for != now:
            self._offsets = self.mask.nonzero() - _REACH
            rows, columns = (2 * self._offsets.abs().amax(0) + 1).tolist()
            self._extent, self._made_for = (rows, columns), now


@dataclass(frozen=True)
class ShapedGrid(Grid):
    """One class of a regular grid, each pixel hidden together with the hole around it; only the pixel is compared.

    Parameters
    ----------
    width
        Distance from the last pixel of one hole to the first of the next, along rows and columns; with a hole of one
        pixel this is `Grid`. Along planes, pixels of a class lie two apart, and holes are flat.
    hole
        Which pixels are hidden together.

    References
    ----------
    Broaddus, Krull, Weigert, Schmidt, Myers, "Removing structured noise with self-supervised blind-spot networks",
    ISBI 2020.
    """

    hole: Hole = field(default_factory=lambda: Hole(torch.ones(1, 1, dtype=torch.bool)))

    def widths(self, dims: int) -> tuple[int, ...]:
        """Return the distance of compared pixels along each of `dims` axes."""
        return (*[2] * (dims - 2), *(self.width - 1 + n for n in self.hole.extent))

    def most(self, y: Tensor) -> int:
        """Return how many pixels may be compared at once: as many as in a class, so that as much is visible."""
        rows, columns = self.widths(2)
        return max(1, y[0, 0].numel() // (rows * columns))

    def hide(self, batch: Measurement, places: Tensor, rng: torch.Generator) -> tuple[Measurement, Measurement]:
        """Return (given, held) with the holes around `places` held back, and weight at `places` only."""
        given, _ = super().hide(batch, self._around(batch.y, places), rng)
        weight = mask_of(places, batch.y).to(batch.y.dtype)
        return given, replace(batch, weight=weight if batch.weight is None else weight * batch.weight)

    def _around(self, y: Tensor, places: Tensor) -> Tensor:
        """Return the flat places of the holes around `places`, as far as they lie in the image."""
        rows, columns = y.shape[-2:]
        down, right = self.hole.offsets.unbind(-1)
        row, column = ((places // columns % rows).unsqueeze(-1) + down, (places % columns).unsqueeze(-1) + right)
        inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        centre = places.unsqueeze(-1)
        return torch.where(inside, centre + down * columns + right, centre).flatten(2)
