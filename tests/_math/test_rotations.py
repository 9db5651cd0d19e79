import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from pellucid._math.rotations import angle_between, from_euler, to_euler, uniform_rotations


@pytest.fixture
def angles(rng):
    low, span = torch.tensor([-math.pi, 0.0, -math.pi]), torch.tensor([2 * math.pi, math.pi, 2 * math.pi])
    return (low + span * torch.rand(50, 3, generator=rng)).double()


def test_relions_angles_are_the_transposed_intrinsic_zyz_rotation(angles):
    xyz = Rotation.from_euler("ZYZ", angles.numpy()).as_matrix().transpose(0, 2, 1)
    np.testing.assert_allclose(from_euler(angles).numpy(), xyz[:, ::-1, ::-1], atol=1e-14)


def test_euler_angles_return(angles):
    torch.testing.assert_close(to_euler(from_euler(angles)), angles)


@pytest.mark.parametrize("tilt", [0.0, math.pi])
def test_euler_angles_of_a_level_view_give_the_same_rotation(tilt):
    rotation = from_euler(torch.tensor([0.4, tilt, 0.3], dtype=torch.float64))
    torch.testing.assert_close(from_euler(to_euler(rotation)), rotation, atol=1e-14, rtol=0)
    assert to_euler(rotation)[0] == 0


def test_uniform_rotations_are_rotations_and_uniform(rng):
    drawn = uniform_rotations(20_000, rng, torch.float64)
    identity = torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(drawn @ drawn.mT, identity.expand_as(drawn))
    torch.testing.assert_close(torch.linalg.det(drawn), torch.ones(len(drawn), dtype=torch.float64))
    assert drawn.mean(0).abs().max() < 5 / (3 * len(drawn)) ** 0.5
    angle = angle_between(drawn, identity)  # of density (1 - cos angle) / pi
    fractions = torch.tensor([(a - math.sin(a)) / math.pi for a in (1.0, 2.0, 3.0)], dtype=torch.float64)
    found = torch.stack([(angle < a).double().mean() for a in (1.0, 2.0, 3.0)])
    torch.testing.assert_close(found, fractions, atol=0.015, rtol=0)


def test_the_angle_between_rotations_is_scipys(rng):
    a, b = uniform_rotations(30, rng, torch.float64), uniform_rotations(30, rng, torch.float64)
    expected = (Rotation.from_matrix(a.numpy()).inv() * Rotation.from_matrix(b.numpy())).magnitude()
    np.testing.assert_allclose(angle_between(a, b).numpy(), expected, rtol=1e-7)
    tiny = from_euler(torch.tensor([[0.0, 1e-9, 0.0]], dtype=torch.float64))
    torch.testing.assert_close(angle_between(tiny, torch.eye(3, dtype=torch.float64)), torch.tensor([1e-9]).double())
