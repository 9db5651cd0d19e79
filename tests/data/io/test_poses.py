import numpy as np
import pytest
import torch

from pellucid._math.rotations import uniform_rotations
from pellucid.data.io import poses
from pellucid.errors import InputError


@pytest.fixture
def rot(rng):
    return uniform_rotations(4, rng, torch.float64).numpy()


def test_matrices_and_translations_are_turned_to_our_order(tmp_path, rot):
    np.savez(tmp_path / "p.npz", rot=rot, trans=np.array([[0.1, 0.2]] * 4, np.float32))
    rotations, shifts = poses.read(tmp_path / "p.npz", 4)
    np.testing.assert_array_equal(rotations, rot[:, ::-1, ::-1])
    np.testing.assert_allclose(shifts, [[-0.2, -0.1]] * 4)


def test_translations_may_be_missing(tmp_path, rot):
    np.savez(tmp_path / "p.npz", rot=rot)
    assert poses.read(tmp_path / "p.npz", 4)[1] is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: {"rotations": r}, "no array rot"),
        (lambda r: {"rot": r[:3]}, "shape \\(4, 3, 3\\), one pose an image"),
        (lambda r: {"rot": 2 * r}, "no rotations"),
        (lambda r: {"rot": -r}, "no rotations"),
        (lambda r: {"rot": r * np.nan}, "finite numbers"),
        (lambda r: {"rot": r, "trans": np.zeros((4, 3))}, "trans of p.npz"),
        (lambda r: {"rot": r.astype(object)}, "plain numbers"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path, rot, change, reason):
    np.savez(tmp_path / "p.npz", **change(rot))
    with pytest.raises(InputError, match=reason):
        poses.read(tmp_path / "p.npz", 4)


@pytest.mark.real
def test_real_poses(data_root):
    rotations, shifts = poses.read(data_root / "cryoem_toy_hand/hand_pose.npz", 100)
    assert (rotations.shape, shifts.shape) == ((100, 3, 3), (100, 2))
