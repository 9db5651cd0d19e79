import math

import torch

from pellucid.data.prepare.density import density_compensation
from pellucid.data.simulate.trajectories import radial, radial_3d, spiral
from pellucid.operators.nufft import NonUniformFourier
from pellucid.operators.trajectories import GOLDEN_ANGLE


def test_spokes_go_through_the_centre():
    points = radial(5, 8).reshape(2, 5, 8)
    assert torch.all(points[:, :, 4] == 0)
    angles = torch.atan2(points[0, :, 5], points[1, :, 5])
    torch.testing.assert_close(angles, math.pi * torch.arange(5).double() / 5)
    golden = radial(3, 8, golden=True).reshape(2, 3, 8)
    turned = torch.atan2(golden[0, 1, 5], golden[1, 1, 5])
    torch.testing.assert_close(turned.item(), GOLDEN_ANGLE)
    volume = radial_3d(50, 8).reshape(3, 50, 8)
    torch.testing.assert_close(volume[..., 0].norm(dim=0), torch.full((50,), math.pi, dtype=torch.float64))
    assert (volume[..., 7].mean(1) / volume[..., 7].norm(dim=0).mean()).abs()[1:].max() < 0.1


def test_spirals_start_at_the_centre_and_keep_their_speed():
    points = spiral(3, 400, 8.0).reshape(2, 3, 400)
    assert torch.all(points[:, :, 0] == 0)
    steps = points.diff(dim=2).norm(dim=0)[:, 100:]
    assert steps.max() / steps.min() < 1.1


def test_each_of_them_carries_an_image():
    axis = torch.arange(24) - 12
    image = torch.exp(-(axis[:, None] ** 2 + (axis - 3) ** 2) / 20).to(torch.complex64)[None, None]
    for points in (radial(40, 48), radial(60, 48, golden=True), spiral(6, 500, 4.0)):
        operator = NonUniformFourier(points, space=(24, 24), density=density_compensation(points, (24, 24)))
        assert (operator.backproject(operator(image)) - image).abs().max() < 0.05
