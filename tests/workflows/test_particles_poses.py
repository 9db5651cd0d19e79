from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from pellucid._math.rotations import from_euler
from pellucid.data.io import star
from pellucid.data.io.star_writing import write
from pellucid.restorers.spatial import PoseCode, Poses, Spatial
from pellucid.workflows.learn import Job
from pellucid.workflows.particles_poses import poses, tables, vague
from pellucid.workflows.particles_stack import Reading, stack
from pellucid.workflows.particles_training import Request

from .particle_stacks import PIXEL, SIZE, simulated
from .particle_stacks import write as mrc

starfile = pytest.importorskip("starfile", reason="starfile, of the extra em, reads STAR")


@pytest.fixture
def path(tmp_path):
    return simulated(tmp_path)


@pytest.fixture
def some(rng):
    """Return poses of all particles of the simulation."""
    angle, shift = torch.rand(32, generator=rng) * 6 - 3, torch.randn(32, 2, generator=rng)
    return Poses(angle=angle, shift=shift, latent=torch.randn(32, 2, generator=rng), spreads=torch.ones(32, 5))


def test_poses_are_read_back_in_the_convention_of_relion(path, some, rng):
    """What is at r in the reference is at R r + t, after a crop by two: R of the angles, t of the origins read back."""
    particles = stack(path, Reading(star=path.with_name("p.star"), size=8), rng)
    write(path.with_name("posed.star"), tables(particles, some))
    found = star.read(path.with_name("posed.star"))
    rotations = from_euler(torch.from_numpy(found.angles))
    cos, sin = some.angle.double().cos(), some.angle.double().sin()
    expected = torch.stack((cos, -sin, sin, cos), -1).view(-1, 2, 2)
    torch.testing.assert_close(rotations[:, 1:, 1:], expected, atol=1e-5, rtol=0)
    np.testing.assert_allclose(found.shifts, 2 * some.shift.numpy(), atol=1e-5)
    assert found.pixel_size_angstrom == PIXEL
    np.testing.assert_array_equal(found.images, star.read(path.with_name("p.star")).images)


class Bent(nn.Module):
    """Three blobs of which no turn and no mirror image is alike, in halves of the edge."""

    def forward(self, r, z):
        centres = r.new_tensor([[0.0, 0.5], [-0.4, 0.0], [0.1, -0.3]])
        blobs = torch.exp(-(r[:, :, None] - centres).square().sum(-1) / 0.04)
        return (blobs * r.new_tensor([1.0, 0.7, 0.4])).sum(-1, keepdim=True)


@pytest.mark.parametrize("size", [24, 25])
def test_what_relion_does_with_a_written_pose_aligns_the_particle(tmp_path, rng, size):
    """RELION moves an image by its origin, and shows what is at x in its reference at A x, A = [[c, s], [-s, c]]."""
    model = Spatial(nn.Identity(), Bent(), prior=PoseCode(angle=1.0, shift=1.0, latent=1), space=(size, size))
    angle, shift = torch.rand(9, generator=rng) * 6 - 3, torch.randn(9, 2, generator=rng)
    zero = torch.zeros(9, 1)
    images = model.render(angle, shift, zero)[:, 0]
    reference = model.render(zero[:1, 0], torch.zeros(1, 2), zero[:1])[0, 0].numpy()
    particles = stack(mrc(tmp_path / "p.mrcs", images), Reading(), rng)
    found = Poses(angle=angle, shift=shift, latent=zero, spreads=torch.ones(9, 4))
    write(tmp_path / "posed.star", tables(particles, found))
    written = starfile.read(tmp_path / "posed.star")
    optics = {"rlnOpticsGroup": 1, "rlnImagePixelSize": PIXEL, "rlnImageSize": size, "rlnImageDimensionality": 2}
    assert written["optics"].to_dict("records") == [optics]
    rows = written["particles"].to_dict("records")
    ramp = np.arange(size) - size // 2
    x = np.stack(np.meshgrid(ramp, ramp))  # (x, y): columns, and rows downwards
    for image, row in zip(images.numpy(), rows, strict=True):
        c, s = np.cos(np.radians(row["rlnAnglePsi"])), np.sin(np.radians(row["rlnAnglePsi"]))
        origin = np.array([row["rlnOriginXAngst"], row["rlnOriginYAngst"]]) / PIXEL
        at = np.tensordot([[c, s], [-s, c]], x, 1) - origin[:, None, None]
        aligned = ndimage.map_coordinates(image, at[::-1] + size // 2, order=3)
        inside = np.hypot(*x) < size / 2 - 3
        np.testing.assert_allclose(aligned[inside], reference[inside], atol=0.03)


def test_what_the_star_file_held_is_kept_and_our_columns_are_added(path, some, rng):
    particles = stack(path.with_name("p.star"), Reading(), rng)
    found = tables(particles, some)
    assert found["optics"]["rlnVoltage"] == [300.0]
    assert found["particles"]["rlnDefocusU"] == particles.tables["particles"]["rlnDefocusU"]
    assert np.allclose(found["particles"]["pellucidAnglePsiDeviation"], np.degrees(1))
    assert np.allclose(found["particles"]["pellucidOriginXAngstDeviation"], PIXEL)
    assert np.allclose(found["particles"]["pellucidCode2"], some.latent[:, 1])


def test_without_a_star_file_and_a_pixel_size_origins_are_in_pixels(path, some, rng):
    particles = replace(stack(path, Reading(size=8), rng), pixel_size_angstrom=None)
    found = tables(particles, some)
    assert list(found) == ["particles"]
    np.testing.assert_allclose(found["particles"]["rlnOriginX"], -2 * some.shift[:, 1])
    assert found["particles"]["rlnImageName"][0] == "000001@p.mrcs"


def test_a_training_gives_poses_pictures_and_deviations(path, rng):
    particles = stack(path, Reading(star=path.with_name("p.star")), rng)
    request = Request(method="spatial_vae", steps=3, settings={"features": "16"}, shift=1.0)
    found = poses(particles, request, Job(options=request.options, deadline=None), {})
    assert found.images["_means"].shape == (32, SIZE, SIZE)
    assert found.picture.shape == (2 * 7 * SIZE, 7 * 7 * SIZE)
    assert list(found.account.cuts) == [f"Axis {k} of the code, -2 to 2 deviations" for k in (1, 2)]
    assert len(found.tables["particles"]["rlnAnglePsi"]) == 32
    assert found.facts["steps"] == 3
    assert 0 < found.facts["angle_deviation_degrees"] < 180


def test_angles_that_the_images_do_not_tell_are_named(some):
    assert vague(some, rest=4.0) == ()
    assert "hardly determined (57 degrees of deviation in the median, of 86 beforehand)" in vague(some, rest=1.5)[0]
