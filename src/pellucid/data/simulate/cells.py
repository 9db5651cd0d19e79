"""Fluorescent cells in 2-D and 3-D: bodies, nuclei and filaments, with smooth edges.

Lengths are in units of a pixel of spacing one; planes that lie farther apart have a larger spacing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor

from pellucid.errors import InputError


def cells(
    space: Sequence[int], rng: torch.Generator, *, count: int = 4, spacing: Sequence[float] | None = None
) -> Tensor:
    """Return cells in three colours, (1, 3, *space): body, filaments and nucleus, each between 0 and 1.

    Parameters
    ----------
    space
        Two or three axes.
    rng
        Draws everything.
    count
        Number of cells; their size follows from the space.
    spacing
        Of the pixels along each axis; one unless given.

    Raises
    ------
    InputError
        If there are not two or three axes.

    Examples
    --------
    >>> cells((8, 32, 32), torch.Generator().manual_seed(0)).shape
    torch.Size([1, 3, 8, 32, 32])
    """
    extent = _extent(space, spacing)
    size = 0.25 * float(extent[-2:].min())
    body, fibres, chromatin = (torch.zeros(1, 1, *space) for _ in range(3))
    for _ in range(count):
        centre = (0.15 + 0.7 * torch.rand(len(extent), generator=rng)) * extent
        axes = size * (0.7 + 0.6 * torch.rand(len(extent), generator=rng))
        axes = torch.minimum(axes, 0.4 * extent)
        turn = float(torch.rand((), generator=rng)) * math.pi
        inside = ellipsoid(space, centre, axes, turn=turn, spacing=spacing)
        nucleus = ellipsoid(space, centre, 0.45 * axes, turn=turn, spacing=spacing)
        waves = _texture(space, rng, spacing=spacing, length=0.15 * size)
        starts = centre.expand(20, -1)
        curves = _walks(starts, float(axes.max()), rng, persistence=2 * size)
        body = torch.maximum(body, inside)
        fibres = torch.maximum(fibres, inside * (1 - nucleus) * filaments(space, curves, spacing=spacing))
        chromatin = torch.maximum(chromatin, nucleus * (0.4 + 0.6 * waves))
    return torch.cat([body, fibres, chromatin], 1)


def ellipsoid(
    space: Sequence[int], centre: Tensor, axes: Tensor, *, turn: float = 0.0, spacing: Sequence[float] | None = None
) -> Tensor:
    """Return an ellipse or ellipsoid of value one, (1, 1, *space), whose edge is a pixel wide.

    Parameters
    ----------
    space, spacing
        As in `cells`.
    centre
        From the corner of the first pixel, (axis,).
    axes
        Semi-axes along the axes of the image before the turn.
    turn
        About the first axis of three, in radians.
    """
    places = _places(space, spacing) - centre
    row, column = places[..., -2], places[..., -1]
    turned = [math.cos(turn) * row - math.sin(turn) * column, math.sin(turn) * row + math.cos(turn) * column]
    places = torch.stack([*places.unbind(-1)[:-2], *turned], -1) / axes
    level = places.norm(dim=-1)
    slope = (places / axes).norm(dim=-1) / level.clamp(min=1e-6)
    distance = (level - 1) / slope.clamp(min=1e-6)  # to the surface, to first order
    inside: Tensor = (0.5 - distance).clamp(0, 1)[None, None]
    return inside


def filaments(space: Sequence[int], curves: Tensor, *, spacing: Sequence[float] | None = None) -> Tensor:
    """Return thin lines, (1, 1, *space), about one bright where a single line runs.

    Parameters
    ----------
    space, spacing
        As in `cells`.
    curves
        Points along each, less than half a pixel apart, (line, point, axis), from the corner of the first pixel.
    """
    step = (curves[:, 1:] - curves[:, :-1]).norm(dim=-1).mean()
    place = curves.flatten(0, -2) / _spacing(space, spacing) - 0.5
    lower = place.floor()
    image = torch.zeros(*space)
    for corner in product((0, 1), repeat=len(space)):
        at = lower.long() + torch.tensor(corner)
        share = (1 - (place - at).abs()).clamp(min=0).prod(-1) * step
        inside = ((at >= 0) & (at < torch.tensor(space))).all(-1)
        image.index_put_(tuple(at[inside].T), share[inside], accumulate=True)
    return image.clamp(max=1)[None, None]


def _walks(starts: Tensor, length: float, rng: torch.Generator, *, persistence: float) -> Tensor:
    """Return lines from each start that turn at random, (line, point, axis); their direction is lost after a while."""
    steps = max(2, math.ceil(length / 0.4))
    turns = math.sqrt(2 * 0.4 / persistence) * torch.randn(steps, *starts.shape, generator=rng)
    direction = torch.nn.functional.normalize(torch.randn(starts.shape, generator=rng), dim=-1)
    directions = []
    for turn in turns:
        direction = torch.nn.functional.normalize(direction + turn, dim=-1)
        directions.append(direction)
    return starts[:, None] + 0.4 * torch.stack(directions, 1).cumsum(1)


def _texture(space: Sequence[int], rng: torch.Generator, *, spacing: Sequence[float] | None, length: float) -> Tensor:
    """Return a smooth random pattern between 0 and 1, of patches of about this length."""
    noise = torch.fft.fftn(torch.randn(*space, generator=rng))
    for axis, (n, size) in enumerate(zip(space, _spacing(space, spacing).tolist(), strict=True)):
        low_pass = torch.exp(-0.5 * (2 * math.pi * torch.fft.fftfreq(n) / size * length / 2) ** 2)
        noise = noise * low_pass.view([-1 if a == axis else 1 for a in range(len(space))])
    pattern = torch.fft.ifftn(noise).real
    return torch.sigmoid(2 * pattern / pattern.std())


def _spacing(space: Sequence[int], spacing: Sequence[float] | None) -> Tensor:
    if len(space) not in (2, 3) or (spacing is not None and len(spacing) != len(space)):
        raise InputError(f"Cells have two or three axes, and as many spacings, but the space is {tuple(space)}.")
    return torch.tensor([1.0] * len(space) if spacing is None else list(spacing))


def _extent(space: Sequence[int], spacing: Sequence[float] | None) -> Tensor:
    return torch.tensor([float(n) for n in space]) * _spacing(space, spacing)


def _places(space: Sequence[int], spacing: Sequence[float] | None) -> Tensor:
    """Return where the middle of each pixel lies, (*space, axis)."""
    middles = [(torch.arange(n) + 0.5) * size for n, size in zip(space, _spacing(space, spacing).tolist(), strict=True)]
    return torch.stack(torch.meshgrid(*middles, indexing="ij"), -1)
