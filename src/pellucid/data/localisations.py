"""Tables of localised molecules, and the images they make."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pellucid.errors import InputError
from pellucid.operators.smlm import pixel_integral

_CHUNK = 4096  # localisations that are drawn at once


@dataclass(frozen=True, kw_only=True)
class Localisations:
    """Where molecules were seen, one row each.

    Parameters
    ----------
    frame
        In which frame, whole numbers, shape (n,).
    positions_nm
        (row, column), from the outer corner of the first pixel, shape (n, 2).
    photons
        Shape (n,), or None.
    precision_nm
        Standard deviation of the position, shape (n,), or None.
    """

    frame: Tensor
    positions_nm: Tensor
    photons: Tensor | None = None
    precision_nm: Tensor | None = None

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, rows: Tensor | slice) -> Localisations:
        """Return some of the rows: a slice, a mask or indices."""
        optional = {
            name: None if column is None else column[rows]
            for name, column in (("photons", self.photons), ("precision_nm", self.precision_nm))
        }
        return replace(self, frame=self.frame[rows], positions_nm=self.positions_nm[rows], **optional)

    def histogram(self, pixel_size_nm: float, space: tuple[int, int]) -> Tensor:
        """Return how many localisations lie in each pixel, (1, 1, *space); those outside are left out.

        Examples
        --------
        >>> table = Localisations(frame=torch.zeros(2), positions_nm=torch.tensor([[5.0, 25.0], [5.0, 95.0]]))
        >>> table.histogram(10.0, (1, 3)).tolist()
        [[[[0.0, 0.0, 1.0]]]]
        """
        pixel = (self.positions_nm / pixel_size_nm).floor().long()
        pixel = pixel[((pixel >= 0) & (pixel < torch.tensor(space))).all(1)]
        counts = torch.bincount(pixel[:, 0] * space[1] + pixel[:, 1], minlength=space[0] * space[1])
        return counts.reshape(1, 1, *space).to(self.positions_nm.dtype)

    def rendered(self, pixel_size_nm: float, space: tuple[int, int], *, precision_nm: float | None = None) -> Tensor:
        """Return the sum of a Gaussian of volume one for each localisation, (1, 1, *space).

        Parameters
        ----------
        pixel_size_nm, space
            Of the image.
        precision_nm
            Standard deviation of all Gaussians; that of each localisation unless given.

        Raises
        ------
        InputError
            Where the table has no precision and none is given.
        """
        widths = self.precision_nm if precision_nm is None else torch.full((len(self),), precision_nm)
        if widths is None:
            raise InputError(
                "These localisations have no precision: give one for all of them (precision_nm), or draw a histogram."
            )
        image = torch.zeros(space, dtype=self.positions_nm.dtype)
        places, widths = self.positions_nm / pixel_size_nm - 0.5, widths.to(image) / pixel_size_nm
        for first in range(0, len(self), _CHUNK):
            position, sigma = places[first : first + _CHUNK], widths[first : first + _CHUNK]
            rows, columns = (pixel_integral(position[:, k], sigma, n) for k, n in enumerate(space))
            image += rows.T @ columns
        return image[None, None]
