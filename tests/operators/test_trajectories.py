import math

import pytest
import torch

from pellucid.operators.trajectories import GOLDEN_ANGLE, radial_trajectory


@pytest.mark.parametrize("samples", [8, 9])
def test_spokes_are_symmetric_lines_with_steps_of_one_sample(samples):
    angles = torch.tensor([0.0, 0.3, 2.0])
    y, x = radial_trajectory(samples, angles)[0].reshape(2, 3, samples)
    assert torch.allclose(y, -y.flip(1))
    assert torch.allclose(torch.hypot(x.diff(), y.diff()), torch.tensor(2 * math.pi / samples, dtype=torch.float64))
    assert torch.allclose(torch.atan2(y[:, -1], x[:, -1]), angles.double())
    assert float(torch.hypot(x, y).max()) < math.pi


def test_a_centre_can_be_given():
    points = radial_trajectory(8, torch.tensor([1.0]), centre=4.0)
    assert torch.allclose(points[0, :, 4], torch.zeros(2, dtype=torch.float64))


def test_a_delay_of_both_gradients_shifts_along_the_spoke_and_an_oblique_one_across():
    angles = torch.linspace(0, 6, 7)
    plain = radial_trajectory(16, angles)
    both = radial_trajectory(16, angles, delays=(0.25, 0.25, 0.0))
    assert torch.allclose(both, radial_trajectory(16, angles, centre=7.25))
    shift = (radial_trajectory(16, torch.zeros(1), delays=(0.0, 0.0, 0.5)) - plain[..., :16]) * 16 / (2 * math.pi)
    assert torch.allclose(shift, torch.tensor([0.5, 0.0], dtype=torch.float64)[None, :, None].expand(1, 2, 16))


def test_the_golden_angle():
    assert math.degrees(GOLDEN_ANGLE) == pytest.approx(111.246, abs=1e-3)
