"""The volume whose voxels are the parameters."""

import pytest
import torch

from pellucid._math.rotations import uniform_rotations
from pellucid._math.turn import turned
from pellucid.data.simulate.proteins import Protein
from pellucid.errors import InputError
from pellucid.operators.cryo import CentralSlices
from pellucid.restorers.volume import Volume

D2 = torch.stack([torch.diag(torch.tensor(d)) for d in ([1.0, 1, 1], [1.0, -1, -1], [-1.0, 1, -1], [-1.0, -1, 1])])


def filled(size, rng, **settings):
    volume = Volume(size, **settings)
    torch.nn.init.normal_(volume.voxels, generator=rng)
    return volume


def test_it_starts_at_zero_and_is_never_negative(rng):
    assert not Volume(6)().any()
    assert float(filled(6, rng)().detach().min()) == 0


def test_a_voxel_at_zero_moves_only_upwards():
    volume = Volume(6, radius=2.0)
    target = torch.where(torch.arange(6) < 3, 1.0, -1.0).expand(1, 1, 6, 6, 6)
    (volume() - target).square().sum().backward()
    torch.testing.assert_close(volume.voxels.grad, torch.where(target > 0, -2.0, 0.0))


def test_a_volume_of_both_signs_is_what_its_voxels_are(rng):
    volume = filled(6, rng, radius=2.0, positive=False)
    torch.testing.assert_close(volume(), volume.voxels)


def test_a_voxel_is_a_gaussian_blob_of_the_same_mass():
    volume = Volume(16, blur=1.2)
    with torch.no_grad():
        volume.voxels[0, 0, 9, 8, 7] = 3.0
    expected = Protein(torch.tensor([[1.0, 0, -1]]), torch.tensor([1.2]), torch.tensor([3.0])).volume(16)
    torch.testing.assert_close(volume().detach(), expected, atol=1e-4, rtol=0)


def test_it_draws_itself(rng):
    volume = filled(6, rng)
    torch.testing.assert_close(volume.sample(5, rng), volume())


def test_descent_finds_the_nearest_volume_that_is_not_negative(rng):
    volume, target = Volume(5, radius=2.0), torch.randn(1, 1, 5, 5, 5, generator=rng)
    descent = torch.optim.SGD(volume.parameters(), lr=0.2)
    for _ in range(60):
        descent.zero_grad()
        (volume() - target).square().sum().backward()
        descent.step()
    torch.testing.assert_close(volume(), target.clamp(min=0), atol=1e-4, rtol=0)


@pytest.mark.parametrize("size", [7, 8])
def test_outside_the_ball_there_is_nothing(size, rng):
    volume = filled(size, rng, radius=0.7)()
    ramp = torch.arange(size) - size // 2
    far = ramp[:, None, None] ** 2 + ramp[:, None] ** 2 + ramp**2 > (0.35 * size) ** 2
    assert not volume[0, 0][far].any()
    assert volume[0, 0][~far].any()


@pytest.mark.parametrize("size", [9, 10])
def test_a_turn_by_90_degrees_moves_voxels(size, rng):
    quarter = torch.tensor([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # y to x, x to -y
    volume = filled(size, rng)()
    expected = torch.rot90(volume, 1, (-2, -1))
    if size % 2 == 0:  # rot90 turns about the middle of the array, half a voxel beside the centre
        expected = expected.roll(1, -2)
    torch.testing.assert_close(turned(volume, quarter[None]), expected, atol=1e-5, rtol=0)


def test_turned_volumes_have_the_projections_of_turned_views(rng):
    z, y, x = torch.meshgrid(*[torch.arange(21.0) - 10] * 3, indexing="ij")
    volume = torch.exp(-((z - 2) ** 2 + (y + 1) ** 2 / 2 + (x - 1) ** 2 / 3) / 12)[None, None]
    first, second = uniform_rotations(2, rng)
    found = CentralSlices(first[None, None], size=21)(turned(volume, second[None]))
    expected = CentralSlices((first @ second)[None, None], size=21)(volume)
    assert float((found - expected).norm() / expected.norm()) < 0.03


@pytest.mark.parametrize("size", [9, 10])
def test_a_symmetric_volume_looks_the_same_from_symmetric_sides(size, rng):
    volume = filled(size, rng, symmetry=D2)().double()
    sides = (uniform_rotations(1, rng, torch.float64) @ D2.double())[:, None]
    images = CentralSlices(sides, size=size)(volume)
    torch.testing.assert_close(images, images[:1].expand_as(images), atol=1e-4, rtol=0)


def test_a_ball_without_voxels_is_refused():
    with pytest.raises(InputError, match="above zero"):
        Volume(8, radius=0.0)


def test_a_group_that_is_none_is_refused():
    with pytest.raises(InputError, match="point group"):
        Volume(8, symmetry=torch.eye(3))
