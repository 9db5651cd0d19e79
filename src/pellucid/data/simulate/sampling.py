"""Which samples of k-space an accelerated scan acquires: masks of shape (1, 1, *space), bool."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pellucid.errors import InputError


def regular_lines(space: tuple[int, ...], step: int, centre: int = 0, *, axis: int = -2) -> Tensor:
    """Return every `step`-th line along an axis, the middle one among them, and all of the centre.

    Parameters
    ----------
    space
        Shape of k-space.
    step
        From one line to the next.
    centre
        Number of lines at the centre that are all acquired (ACS).
    axis
        Phase-encoding direction.

    Examples
    --------
    >>> regular_lines((8, 1), 4, 2)[0, 0, :, 0].int().tolist()
    [1, 0, 0, 1, 1, 0, 0, 0]
    """
    n = space[axis]
    line = torch.arange(n) - n // 2
    return _along((line % step == 0) | _middle(n, centre), space, axis)


def random_lines(
    space: tuple[int, ...],
    acceleration: float,
    centre: int,
    rng: torch.Generator,
    *,
    axis: int = -2,
    power: float = 2.0,
) -> Tensor:
    """Return lines drawn without replacement, the likelier the nearer to the centre.

    Parameters
    ----------
    space
        Shape of k-space.
    acceleration
        All lines over those acquired.
    centre
        Number of lines at the centre that are all acquired (ACS); they count.
    rng
        Where the lines are drawn from.
    axis
        Phase-encoding direction.
    power
        A line at the distance d of the centre, one at the edge, has the weight (1 - d) ** power; 0 is uniform.
    """
    n = space[axis]
    away = (torch.arange(n, dtype=torch.float64) - n // 2).abs() / (n // 2 + 1)
    return _along(_draw((1 - away) ** power, _middle(n, centre), acceleration, rng), space, axis)


def gaussian_points(
    space: tuple[int, ...], acceleration: float, centre: int, rng: torch.Generator, *, width: float = 0.25
) -> Tensor:
    """Return points drawn without replacement with the density of a Gaussian.

    Parameters
    ----------
    space
        Shape of the plane or volume that is phase-encoded.
    acceleration
        All points over those acquired.
    centre
        Width of the square or cube at the centre that is all acquired (ACS); it counts.
    rng
        Where the points are drawn from.
    width
        Standard deviation of the Gaussian, as a part of each axis.
    """
    square = sum(((x / (2 * width)) ** 2 for x in _coordinates(space)), torch.zeros(()))
    return _draw(torch.exp(-square / 2), _box(space, centre), acceleration, rng)[None, None]


def poisson_disc(
    space: tuple[int, ...], acceleration: float, centre: int, rng: torch.Generator, *, slope: float = 2.0
) -> Tensor:
    """Return points no two of which are near each other: near at the centre means less than at the edge.

    Points are visited in a random order and taken unless one that was taken is nearer than the radius there,
    r (1 + slope d) at the distance d of the centre, one at the edge; r is found by bisection.

    Parameters
    ----------
    space
        Shape of the plane or volume that is phase-encoded.
    acceleration
        All points over those acquired, kept within two percent where the grid allows it.
    centre
        Width of the square or cube at the centre that is all acquired (ACS); it counts.
    rng
        Where the order comes from.
    slope
        By how much the radius grows from the centre to the edge; 0 is uniform.
    """
    box = _box(space, centre).numpy()
    order = torch.randperm(box.size, generator=rng).numpy()
    distance = torch.stack(_coordinates(space)).square().sum(0).sqrt().numpy()
    wanted, low, high = _count(box.size, int(box.sum()), acceleration), 0.5, 0.5 + max(space) / 2
    for _ in range(20):
        radius = (low + high) / 2
        taken = box | _scatter(order, radius * (1 + slope * distance))
        if abs(int(taken.sum()) - wanted) <= 0.02 * wanted:
            break
        low, high = (radius, high) if taken.sum() > wanted else (low, radius)
    return torch.from_numpy(taken)[None, None]


def partial_fourier(space: tuple[int, ...], fraction: float, *, axis: int = -2) -> Tensor:
    """Return the lines from the last one down to beyond the centre: `fraction`, more than a half, of all.

    Examples
    --------
    >>> partial_fourier((8, 1), 0.75)[0, 0, :, 0].int().tolist()
    [0, 0, 1, 1, 1, 1, 1, 1]
    """
    if not 0.5 < fraction <= 1:
        raise InputError(f"A partial Fourier scan acquires more than a half and at most all lines, not {fraction:g}.")
    n = space[axis]
    return _along(torch.arange(n) >= n - math.ceil(fraction * n), space, axis)


def _draw(weight: Tensor, always: Tensor, acceleration: float, rng: torch.Generator) -> Tensor:
    """Draw without replacement in proportion to `weight`, beside what is `always` acquired."""
    wanted = _count(weight.numel(), int(always.sum()), acceleration) - int(always.sum())
    uniform = torch.rand(weight.shape, dtype=torch.float64, generator=rng)
    keys = torch.where(always, -math.inf, weight.log() - (-uniform.log()).log())  # Gumbel: the largest are the draw
    mask = always.flatten().clone()
    mask[keys.flatten().topk(wanted).indices] = True
    return mask.reshape(weight.shape)


def _scatter(order: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Take points in this order unless a taken one is nearer than its radius."""
    free, taken = np.ones(radius.shape, bool), np.zeros(radius.shape, bool)
    shape = np.array(radius.shape)
    for point in np.stack(np.unravel_index(order, radius.shape), 1):
        if not free[tuple(point)]:
            continue
        taken[tuple(point)] = True
        r = radius[tuple(point)]
        low, high = np.maximum(point - int(r), 0), np.minimum(point + int(r) + 1, shape)
        axes = np.ogrid[tuple(slice(a - p, b - p) for a, b, p in zip(low, high, point, strict=True))]
        near = sum(axis**2 for axis in axes) < r * r
        free[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] &= ~near
    return taken


def _count(total: int, always: int, acceleration: float) -> int:
    wanted = round(total / acceleration)
    if not always <= wanted <= total:
        raise InputError(
            f"{total} samples at an acceleration of {acceleration:g} are {wanted}, but {always} are at the centre and "
            "always acquired; choose an acceleration of at least one, or a smaller centre."
        )
    return wanted


def _coordinates(space: tuple[int, ...]) -> list[Tensor]:
    """Return the position along each axis, from -1 to nearly 1."""
    axes = [(torch.arange(n, dtype=torch.float64) - n // 2) / max(n // 2, 1) for n in space]
    return list(torch.meshgrid(*axes, indexing="ij"))


def _middle(n: int, width: int) -> Tensor:
    line = torch.arange(n) - n // 2 + width // 2
    return (line >= 0) & (line < width)


def _box(space: tuple[int, ...], width: int) -> Tensor:
    box = torch.ones((), dtype=torch.bool)
    for n in space:
        box = box[..., None] & _middle(n, width)
    return box


def _along(lines: Tensor, space: tuple[int, ...], axis: int) -> Tensor:
    """Repeat a choice of lines over the other axes."""
    axis %= len(space)
    return lines.reshape(-1, *[1] * (len(space) - axis - 1)).expand(space)[None, None].clone()
