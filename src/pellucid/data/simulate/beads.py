"""Beads in a medium, whose spectrum is known in closed form: the fields that they scatter are exact in first order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.operators.diffraction import DiffractionTomography, scattering_potential
from pellucid.operators.ewald import middle

_POINTS = 4  # along each axis of a voxel


@dataclass(frozen=True)
class Bead:
    """A ball of one refractive index.

    Parameters
    ----------
    centre
        (z, y, x) in pixels from the middle of the volume.
    radius
        In pixels.
    index
        Refractive index; where beads overlap, what they add to the scattering potential of the medium adds up.
    """

    centre: tuple[float, float, float]
    radius: float
    index: float


def potential(beads: Sequence[Bead], wavenumber: float, medium_index: float, space: tuple[int, int, int]) -> Tensor:
    """Return the scattering potential f = k_m² ((n / n_m)² - 1), the mean over 4³ points of each voxel.

    Parameters
    ----------
    beads
        What there is.
    wavenumber
        In the medium, in radians per pixel.
    medium_index
        Refractive index around the beads.
    space
        (plane, row, column).

    Returns
    -------
    Tensor
        (1, 1, plane, row, column), double precision.
    """
    image = torch.zeros(space, dtype=torch.float64)
    step = (torch.arange(_POINTS, dtype=torch.float64) + 0.5) / _POINTS - 0.5
    for bead in beads:
        squares = [
            (torch.arange(n, dtype=torch.float64)[:, None] - (n - 1) / 2 + step - c).square().flatten()
            for n, c in zip(space, bead.centre, strict=True)
        ]
        near = [(s.reshape(-1, _POINTS).amin(1) <= bead.radius**2).nonzero()[:, 0] for s in squares]
        if any(not len(rows) for rows in near):
            continue
        box = tuple(slice(int(rows[0]), int(rows[-1]) + 1) for rows in near)
        z, y, x = (s[b.start * _POINTS : b.stop * _POINTS] for s, b in zip(squares, box, strict=True))
        inside = (z[:, None, None] + y[:, None] + x <= bead.radius**2).double()
        share = torch.nn.functional.avg_pool3d(inside[None, None], _POINTS)[0, 0]
        image[box] += share * float(scattering_potential(torch.tensor(bead.index), wavenumber, medium_index))
    return image[None, None]


def spectrum(beads: Sequence[Bead], frequencies: Tensor, wavenumber: float, medium_index: float) -> Tensor:
    r"""Return the Fourier transform of the scattering potential.

    .. math:: \hat f(K) = \sum_b f_b \, 4 \pi \, \frac{\sin K a_b - K a_b \cos K a_b}{K^3} \, e^{-i K \cdot c_b}

    Parameters
    ----------
    beads
        What there is.
    frequencies
        K in radians per pixel, (batch, 3, count), in the order z, y, x.
    wavenumber, medium_index
        As in `potential`.

    Returns
    -------
    Tensor
        (batch, 1, count), complex.
    """
    size = frequencies.norm(dim=1)
    total = torch.zeros(size.shape, dtype=torch.complex128)
    for bead in beads:
        value = float(scattering_potential(torch.tensor(bead.index, dtype=torch.float64), wavenumber, medium_index))
        ka = size * bead.radius
        small = ka < 1e-2  # where the difference of sine and cosine has lost its digits
        safe = torch.where(small, 1.0, ka)
        shape = torch.where(small, 1 / 3 - ka**2 / 30, (safe.sin() - safe * safe.cos()) / safe**3)
        centre = torch.tensor(bead.centre, dtype=torch.float64)
        phase = -torch.einsum("d,bdj->bj", centre, frequencies)
        total += torch.polar(value * 4 * math.pi * bead.radius**3 * shape, phase)
    return total[:, None]


def fields(beads: Sequence[Bead], operator: DiffractionTomography, medium_index: float) -> Tensor:
    """Return what an instrument records of beads, exact in the first order: (batch, 1, view, row, column), complex128.

    Parameters
    ----------
    beads
        What there is.
    operator
        The views.
    medium_index
        Refractive index around the beads.
    """
    frequencies = operator.frequencies
    found = spectrum(beads, frequencies, operator.optics.wavenumber, medium_index)
    phase = -torch.einsum("d,bdj->bj", middle(operator.fourier.space), frequencies)[:, None]
    return operator.fields(
        found * torch.polar(torch.ones_like(phase), phase) / math.sqrt(math.prod(operator.fourier.space))
    )
