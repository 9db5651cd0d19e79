import math

import pytest
import torch

from pellucid.data.prepare.density import density_compensation
from pellucid.operators.nufft import NonUniformFourier


def spokes(count, samples):
    """Return radial points (1, 2, count * samples) and their distance to the centre."""
    angles = math.pi * torch.arange(count) / count
    radii = 2 * math.pi * (torch.arange(samples) - samples // 2) / samples
    lines = torch.stack((angles.sin()[:, None] * radii, angles.cos()[:, None] * radii))
    return lines.flatten(1)[None], radii.abs().repeat(count)


@pytest.mark.parametrize("space", [(12,), (8, 9), (4, 6, 5)])
def test_a_point_of_the_grid_stands_for_one(space):
    axes = [2 * math.pi / n * (torch.arange(n) - n // 2) for n in space]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij")).flatten(1)[None]
    weights = density_compensation(grid, space)
    torch.testing.assert_close(weights, torch.ones_like(weights), atol=2e-3, rtol=0)


def test_along_a_spoke_it_is_the_ramp():
    points, radii = spokes(64, 64)
    weights = density_compensation(points, (32, 32), iterations=40)
    ramp = (
        radii * (2 * math.pi / 64) * math.pi / 64 * 32**2 / (2 * math.pi) ** 2
    )  # area of a cell, in cells of the grid
    away = (radii > 0.4) & (radii < 2.7)
    assert float((weights[0, away] / ramp[away] - 1).abs().mean()) < 0.05


def test_gridding_gives_the_image_back():
    axis = torch.arange(32) - 16
    image = torch.exp(-(axis[:, None] ** 2 + (axis - 3) ** 2) / 30).to(torch.complex64)[None, None]
    points, _ = spokes(64, 64)
    operator = NonUniformFourier(points, space=(32, 32), density=density_compensation(points, (32, 32)))
    assert float((operator.backproject(operator(image)) - image).abs().max()) < 0.03
