"""A small scan with coils whose maps are known."""

import math

import pytest
import torch

from pellucid.operators.mri import Sense


def ring_of_coils(count, space):
    """Return smooth complex maps of unit root sum of squares, (1, count, *space): coils on a circle, looking in."""
    axes = [torch.linspace(-1, 1, n, dtype=torch.float64) for n in space]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    maps = []
    for turn in torch.arange(count) * 2 * math.pi / count:
        centre = torch.zeros(len(space), dtype=torch.float64)
        centre[-2:] = 1.3 * torch.stack((turn.sin(), turn.cos()))
        away = grid - centre.reshape(-1, *[1] * len(space))
        maps.append(torch.polar(1 / away.square().sum(0).add(0.3), 2 * (away[-1] * turn.cos() + away[-2] * turn.sin())))
    stacked = torch.stack(maps)[None]
    return stacked / torch.linalg.vector_norm(stacked, dim=1, keepdim=True)


@pytest.fixture
def scan(phantom_2d):
    """Return the image (1, 1, 64, 64), the maps (1, 8, 64, 64) and the whole k-space of a slice, without noise."""
    axis = torch.linspace(-1, 1, 64)
    inside = (axis[:, None] ** 2 + axis**2 < 0.75).to(torch.complex128)
    image = phantom_2d * inside * torch.exp(1j * axis)
    maps = ring_of_coils(8, (64, 64))
    return image, maps, Sense(maps)(image)
