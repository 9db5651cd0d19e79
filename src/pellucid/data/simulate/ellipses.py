"""Phantoms of ellipses, whose sinogram and Fourier transform are known in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, hypot, pi

import torch
from torch import Tensor

_SHAPES = (  # semi-axes, centre (x, y), rotation in degrees
    (0.69, 0.92, 0.0, 0.0, 0.0),
    (0.6624, 0.874, 0.0, -0.0184, 0.0),
    (0.11, 0.31, 0.22, 0.0, -18.0),
    (0.16, 0.41, -0.22, 0.0, 18.0),
    (0.21, 0.25, 0.0, 0.35, 0.0),
    (0.046, 0.046, 0.0, 0.1, 0.0),
    (0.046, 0.046, 0.0, -0.1, 0.0),
    (0.046, 0.023, -0.08, -0.605, 0.0),
    (0.023, 0.023, 0.0, -0.606, 0.0),
    (0.023, 0.046, 0.06, -0.605, 0.0),
)
_ORIGINAL = (2.0, -0.98, -0.02, -0.02, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01)
_MODIFIED = (1.0, -0.8, -0.2, -0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)
_LINES = 16  # sub-pixels along each axis of a pixel


@dataclass(frozen=True)
class Ellipses:
    """A sum of ellipses of constant value, on a square of two by two units around the origin.

    Coordinates are (x, y), y upwards. A picture of `size` pixels has size / 2 pixels a unit, its origin in the middle.

    Parameters
    ----------
    values
        What each ellipse adds, shape (n,).
    axes
        Semi-axes, shape (n, 2).
    centres
        Shape (n, 2).
    rotations
        Of the first semi-axis against x, counter-clockwise, in radians, shape (n,).
    """

    values: Tensor
    axes: Tensor
    centres: Tensor
    rotations: Tensor

    def image(self, size: int) -> Tensor:
        """Return the mean over every pixel, (1, 1, row, column) in double precision, from 16 x 16 points in each."""
        line = (torch.arange(size * _LINES, dtype=torch.float64) + 0.5) * (2 / (size * _LINES)) - 1
        image = torch.zeros(size * _LINES, size * _LINES, dtype=torch.float64)
        for value, (a, b), (x, y), turn in zip(self.values, self.axes, self.centres, self.rotations, strict=True):
            reach = torch.maximum(a, b)
            rows, columns = ((-line - y).abs() <= reach).nonzero()[:, 0], ((line - x).abs() <= reach).nonzero()[:, 0]
            if not len(rows) or not len(columns):
                continue
            part = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
            up, right = (-line[part[0]] - y)[:, None], (line[part[1]] - x)[None]
            along, across = right * turn.cos() + up * turn.sin(), up * turn.cos() - right * turn.sin()
            image[part] += value * ((along / a) ** 2 + (across / b) ** 2 <= 1)
        return image.view(1, 1, size, _LINES, size, _LINES).mean((3, 5))

    def sinogram(
        self, angles: Tensor, *, size: int, detector: int | None = None, centre: float | None = None
    ) -> Tensor:
        """Return the mean line integral over every detector bin, in pixels, exactly: (1, 1, angle, detector).

        Parameters
        ----------
        angles
            In radians, shape (angle,).
        size, detector, centre
            Pixels along the picture, detector bins, and bin on which the axis of rotation falls, as for `Radon`.
        """
        detector = detector or ceil(hypot(size, size))
        middle = (detector - 1) / 2 if centre is None else centre
        edges = torch.arange(detector + 1, dtype=torch.float64) - 0.5 - middle
        angles = angles.to(torch.float64)
        direction = torch.stack([angles.cos(), angles.sin()])
        total = torch.zeros(len(angles), detector, dtype=torch.float64)
        for value, axes, place, turn in zip(self.values, self.axes, self.centres, self.rotations, strict=True):
            a, b = axes * (size / 2)
            width = torch.hypot(a * (angles - turn).cos(), b * (angles - turn).sin())[:, None]
            t = ((edges - (place @ direction)[:, None] * (size / 2)) / width).clamp(-1, 1)
            total += value * a * b * (t * (1 - t**2).sqrt() + t.asin()).diff(dim=1)
        return total[None, None]

    def fourier(self, points: Tensor, *, size: int) -> Tensor:
        """Return ∫ f(r) exp(−i k·r) dr, in pixels, exactly: complex, shape (count,).

        Parameters
        ----------
        points
            k = (row, column) in radians per pixel, rows downwards, shape (2, count).
        size
            Pixels along the picture; the origin of r is its middle.
        """
        points = points.to(torch.float64)
        up, right = -points[0], points[1]
        total = torch.zeros(points.shape[1], dtype=torch.complex128)
        for value, axes, (x, y), turn in zip(self.values, self.axes, self.centres, self.rotations, strict=True):
            a, b = axes * (size / 2)
            along, across = right * turn.cos() + up * turn.sin(), up * turn.cos() - right * turn.sin()
            xi = torch.hypot(a * along, b * across).clamp(min=1e-9)
            shift = (right * x + up * y) * (size / 2)
            total += torch.polar(2 * pi * value * a * b * torch.special.bessel_j1(xi) / xi, -shift)
        return total


def shepp_logan(*, modified: bool = True) -> Ellipses:
    """Return the head phantom of Shepp and Logan.

    Parameters
    ----------
    modified
        With the higher contrast of Toft 1996; otherwise as published in 1974.
    """
    table = torch.tensor(_SHAPES, dtype=torch.float64)
    values = torch.tensor(_MODIFIED if modified else _ORIGINAL, dtype=torch.float64)
    return Ellipses(values, table[:, :2], table[:, 2:4], table[:, 4].deg2rad())


def random_ellipses(count: int, rng: torch.Generator, *, values: Sequence[float] = (0.1, 1.0)) -> Ellipses:
    """Return ellipses within the unit circle: semi-axes between 0.03 and 0.25, values uniform between two bounds."""
    draw = torch.rand(6, count, generator=rng, dtype=torch.float64)
    axes = 0.03 + 0.22 * draw[:2].T
    distance = (1 - axes.amax(1)) * draw[2].sqrt()
    around = 2 * pi * draw[3]
    centres = torch.stack([distance * around.cos(), distance * around.sin()], 1)
    return Ellipses(values[0] + (values[1] - values[0]) * draw[5], axes, centres, pi * draw[4])
