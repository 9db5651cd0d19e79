"""Foam: voids that do not overlap, in a disc or a cylinder; the phantom of Noise2Inverse."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.data.simulate.ellipses import Ellipses
from pellucid.errors import InputError

_TRIALS = 200  # places that are tried for each void; the roomiest is taken
_GAP = 0.004  # wall between two voids, and around them


@dataclass(frozen=True)
class Foam:
    """A cylinder of value one with spherical voids; its axis is z, its radius and half its height one unit.

    Parameters
    ----------
    centres
        (z, x, y) of the voids, shape (n, 3).
    radii
        Shape (n,).
    """

    centres: Tensor
    radii: Tensor

    def slice(self, z: float) -> Ellipses:
        """Return the disc with circular voids that a plane cuts out, z between -1 and 1."""
        squares = self.radii**2 - (self.centres[:, 0] - z) ** 2
        cut = squares > 0
        return _disc(self.centres[cut, 1:], squares[cut].sqrt())

    def heights(self, planes: int) -> list[float]:
        """Return z of the middle of each of so many planes, from the top of the cylinder downwards."""
        return [1 - (2 * k + 1) / planes for k in range(planes)]

    def image(self, size: int, *, planes: int | None = None) -> Tensor:
        """Return a volume, (1, 1, plane, row, column): mean over each pixel, in the middle of each plane."""
        return torch.cat([self.slice(z).image(size) for z in self.heights(planes or size)], 1)[:, None]

    def sinograms(self, angles: Tensor, *, size: int, planes: int | None = None) -> Tensor:
        """Return the exact sinogram of each plane, (plane, 1, angle, detector), as `Ellipses.sinogram`."""
        return torch.cat([self.slice(z).sinogram(angles, size=size) for z in self.heights(planes or size)])


def foam(count: int, rng: torch.Generator, *, largest: float = 0.2) -> Ellipses:
    """Return a disc of value one and radius 0.9 with circular voids.

    Parameters
    ----------
    count
        Number of voids.
    rng
        Where their places come from.
    largest
        Largest radius of a void; half the width of the image is one.

    References
    ----------
    Pelt, Hendriksen, Batenburg, "Foam-like phantoms for comparing tomography algorithms", J. Synchrotron Rad. 2022.
    """
    centres, radii = _voids(count, rng, dims=2, largest=largest)
    return _disc(0.9 * centres, 0.9 * radii, radius=0.9)


def foam_3d(count: int, rng: torch.Generator, *, largest: float = 0.2) -> Foam:
    """Return a cylinder with spherical voids; see `foam`."""
    centres, radii = _voids(count, rng, dims=3, largest=largest)
    return Foam(centres, radii)


def _disc(centres: Tensor, radii: Tensor, radius: float = 1.0) -> Ellipses:
    n = len(radii)
    values = torch.full((n + 1,), -1.0, dtype=torch.float64)
    values[0] = 1.0
    all_radii = torch.cat([radii.new_tensor([radius]), radii])
    places = torch.cat([centres.new_zeros(1, 2), centres])
    return Ellipses(values, all_radii[:, None].expand(-1, 2), places, torch.zeros(n + 1, dtype=torch.float64))


def _voids(count: int, rng: torch.Generator, *, dims: int, largest: float) -> tuple[Tensor, Tensor]:
    """Place voids one by one, each as large as the roomiest of many random places allows; last axes x, y."""
    if not 0 < largest < 1:
        raise InputError(
            f"The largest radius of a void lies between 0 and 1, half the width of the image; not {largest}."
        )
    centres, radii = torch.zeros(count, dims, dtype=torch.float64), torch.zeros(count, dtype=torch.float64)
    for k in range(count):
        tried = 2 * torch.rand(_TRIALS, dims, generator=rng, dtype=torch.float64) - 1
        room = 1 - torch.linalg.vector_norm(tried[:, -2:], dim=1)
        if dims == 3:
            room = torch.minimum(room, 1 - tried[:, 0].abs())
        if k:
            room = torch.minimum(room, (torch.cdist(tried, centres[:k]) - radii[:k]).amin(1))
        best = int(room.argmax())
        centres[k], radii[k] = tried[best], (room[best] - _GAP).clamp(0, largest)
    filled = radii > 0
    return centres[filled], radii[filled]
