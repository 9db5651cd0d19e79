"""Volumes turned, displaced, mirrored, and sampled anew."""

import pytest
import torch

from pellucid._math.rotations import uniform_rotations
from pellucid._math.turn import mirrored, resized, turned


def blob(size, centre):
    """Return a Gaussian of a width of 2 voxels, somewhere off the centre of a box."""
    ramp = torch.arange(size, dtype=torch.float64) - size // 2
    place = torch.stack(torch.meshgrid(ramp, ramp, ramp, indexing="ij"), -1)
    return torch.exp(-(place - centre).square().sum(-1) / 8)[None, None]


@pytest.mark.parametrize("size", [17, 18])
def test_the_centre_of_a_blob_goes_where_the_matrix_and_the_shift_take_it(size, rng):
    centre, shift = torch.tensor([1.0, -2.0, 0.5]).double(), torch.tensor([0.5, 0.3, -1.2]).double()
    rotation = uniform_rotations(1, rng, torch.float64)
    there = blob(size, rotation[0] @ centre + shift)
    error = [(turned(blob(size, centre), rotation, shift[None], finer=n) - there).norm() for n in (1, 2, 4)]
    assert float(error[0] / there.norm()) < 0.1
    assert error[1] < error[0] / 3
    assert error[2] < error[1] / 3


@pytest.mark.parametrize(("size", "other"), [(16, 32), (16, 31), (17, 32), (24, 16), (24, 17), (23, 16)])
def test_another_sampling_is_of_the_same_blob(size, other):
    ramp, centre = torch.arange(other, dtype=torch.float64) - other // 2, torch.tensor([1.0, -1.0, 0.5]).double()
    place = torch.stack(torch.meshgrid(ramp, ramp, ramp, indexing="ij"), -1) * (size / other)
    expected = torch.exp(-(place - centre).square().sum(-1) / 8)[None, None]
    torch.testing.assert_close(resized(blob(size, centre), other), expected, atol=0.01, rtol=0)


@pytest.mark.parametrize("size", [9, 10])
def test_the_mirror_stands_in_the_centre(size):
    centre = torch.tensor([1.0, -0.5, 0.5]).double()
    torch.testing.assert_close(
        mirrored(blob(size, centre))[:, :, 1:], blob(size, centre * torch.tensor([-1.0, 1, 1]))[:, :, 1:]
    )
