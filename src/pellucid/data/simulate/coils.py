"""Receive coils around an object: wires in a birdcage, and Gaussian spots."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def birdcage_coils(
    coils: int, space: tuple[int, ...], *, rings: int = 1, radius: float = 1.2, length: float = 2.0
) -> Tensor:
    r"""Return the sensitivities of straight wires along z, on a cylinder around the field of view.

    By reciprocity, a coil is as sensitive as the transverse field of a current in it is strong (Biot and Savart):

    .. math:: s \propto \frac{e^{-i\theta}}{d}\,
        \Bigl(\tfrac{z_1 - z}{\sqrt{d^2 + (z_1 - z)^2}} - \tfrac{z_0 - z}{\sqrt{d^2 + (z_0 - z)^2}}\Bigr)

    with :math:`d` and :math:`\theta` distance and direction from the wire, which reaches from z_0 to z_1; in two
    dimensions it is infinitely long. All maps are divided by their root sum of squares.

    Parameters
    ----------
    coils
        Number of wires, `rings` of them behind one another at each angle.
    space
        (row, column) or (plane, row, column).
    rings
        Number of wires along z; the coils come ring by ring.
    radius
        Of the cylinder, where 1 is half the field of view; above 1.42 no corner touches it.
    length
        Of each wire, in the same unit; the rings together are centred.

    Returns
    -------
    Tensor
        Complex maps of unit root sum of squares, shape (1, coil, *space).

    Examples
    --------
    >>> birdcage_coils(8, (32, 33)).abs().square().sum(1).mean().item()
    1.0...
    """
    if coils % rings:
        raise ValueError(f"{coils} wires do not make {rings} rings of the same number.")
    z, y, x = _grid(space)
    turn = 2 * math.pi * torch.arange(coils // rings, dtype=torch.float64) / (coils // rings)
    across = torch.complex(x, y) - torch.polar(torch.full_like(turn, radius), turn).reshape(-1, 1, 1, 1)
    distance = across.abs().clamp(min=1e-6)
    field = across.conj() / distance**2 * torch.polar(torch.ones_like(turn), turn).reshape(-1, 1, 1, 1)
    if len(space) == 2:
        return _normalised(field[:, 0])
    starts = length * (torch.arange(rings, dtype=torch.float64) - rings / 2).reshape(-1, 1, 1, 1, 1)
    ends = (edge - z for edge in (starts, starts + length))
    near, far = (edge / torch.sqrt(distance**2 + edge**2) for edge in ends)
    return _normalised((field * (far - near)).flatten(0, 1))


def gaussian_coils(coils: int, space: tuple[int, ...], *, radius: float = 1.0, width: float = 0.8) -> Tensor:
    """Return Gaussian spots on a circle (a sphere in three dimensions), each with a phase of its own.

    Parameters
    ----------
    coils
        Number of coils.
    space
        (row, column) or (plane, row, column).
    radius
        Of the circle, where 1 is half the field of view.
    width
        Standard deviation of a spot, in the same unit.

    Returns
    -------
    Tensor
        Complex maps of unit root sum of squares, shape (1, coil, *space).
    """
    z, y, x = _grid(space)
    k = torch.arange(coils, dtype=torch.float64)
    turn = 2 * math.pi * k / coils
    height = torch.zeros_like(k)
    if len(space) == 3:  # Fibonacci's spiral, which covers a sphere evenly
        turn, height = math.pi * (3 - math.sqrt(5)) * k, 1 - (2 * k + 1) / coils
    ring = torch.sqrt(1 - height**2)
    centres = radius * torch.stack([height, ring * turn.sin(), ring * turn.cos()], 1)
    squared = ((torch.stack([z, y, x]) - centres[..., None, None, None]) ** 2).sum(1)
    spots = torch.polar(torch.exp(-squared / (2 * width**2)), turn.reshape(-1, 1, 1, 1).expand_as(squared))
    return _normalised(spots[:, 0] if len(space) == 2 else spots)


def _grid(space: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Return z, y and x of each pixel, -1 to 1 over the field of view, zero at index n // 2."""
    sizes = (1,) * (3 - len(space)) + tuple(space)
    axes = [(torch.arange(n, dtype=torch.float64) - n // 2) * 2 / n for n in sizes]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    return z, y, x


def _normalised(maps: Tensor) -> Tensor:
    unit: Tensor = (maps / torch.linalg.vector_norm(maps, dim=0))[None].to(torch.complex64)
    return unit
