import pytest
import torch

from pellucid._math.rotations import uniform_rotations
from pellucid.data.simulate.proteins import opened, particles, protein


@pytest.mark.parametrize("size", [24, 25])
def test_projections_along_the_axes_are_sums_of_the_volume(size, rng):
    blobs = protein(size, rng)
    axes = torch.eye(3)[[2, 1, 0]] * torch.tensor([1.0, 1.0, -1.0])[:, None]  # turns x into z
    views = blobs.projections(size, torch.stack((torch.eye(3), axes))[None])
    volume = blobs.volume(size)
    torch.testing.assert_close(views[:, :, 0], volume.sum(2), atol=1e-4, rtol=0)
    odd = slice(1 - size % 2, None)  # the mirror of an even box has no first column
    torch.testing.assert_close(views[0, 0, 1, :, odd].flip(1), volume[0, 0].sum(2).mT[:, odd], atol=1e-4, rtol=0)


def test_a_view_is_the_volume_of_the_turned_protein(rng):
    blobs, rotation = protein(24, rng), uniform_rotations(1, rng)[0]
    turned = blobs.turned(torch.ones(len(blobs.widths), dtype=torch.bool), rotation, torch.zeros(3))
    shift = torch.tensor([[[1.5, -2.0]]])
    found = blobs.projections(24, rotation[None, None], shift)
    torch.testing.assert_close(turned.projections(24, torch.eye(3)[None, None], shift), found)
    torch.testing.assert_close(turned.volume(24).sum(2), blobs.projections(24, rotation[None, None])[:, 0])


def test_a_protein_lies_in_the_ball_in_both_conformations(rng):
    closed = protein(32, rng)
    for blobs in (closed, opened(closed, 32)):
        assert float((blobs.centres.norm(dim=1) + 3 * blobs.widths).max()) < 16
        assert float(blobs.volume(32).sum()) == pytest.approx(float(blobs.masses.sum()), rel=1e-3)


def test_the_conformations_differ_in_the_arm_alone(rng):
    closed = protein(32, rng)
    moved = (opened(closed, 32).centres != closed.centres).any(1)
    assert 15 <= int(moved.sum()) <= 25
    a, b = closed.volume(32), opened(closed, 32).volume(32)
    assert 0.5 < float((a * b).sum() / (a.norm() * b.norm())) < 0.9


def test_particles_are_the_images_that_their_operator_explains(rng):
    blobs = protein(24, rng)
    found = particles(blobs, 24, 30, rng, snr=1e4)
    explained = found.operator(blobs.volume(24))
    assert found.y.shape == (1, 1, 30, 24, 24)
    assert float((explained - found.y).norm() / found.y.norm()) < 0.04
    noisy = particles(blobs, 24, 300, torch.Generator().manual_seed(1), snr=0.2)
    residual = noisy.y - noisy.operator(blobs.volume(24))
    assert float(residual.std()) == pytest.approx(float(noisy.noise.sigma), rel=0.02)
