from dataclasses import replace

import mrcfile
import numpy as np
import pytest
import torch

from pellucid.errors import InputError
from pellucid.methods.generate.cryogan import cryogan
from pellucid.metrics.fourier import resolution
from pellucid.workflows.learn import Job
from pellucid.workflows.particles_density import density, reference
from pellucid.workflows.particles_stack import Reading, stack
from pellucid.workflows.particles_training import Request

from .particle_stacks import PIXEL, SIZE, molecule, simulated, write

pytest.importorskip("starfile", reason="starfile, of the extra em, reads STAR")


@pytest.fixture
def particles(tmp_path, rng):
    path = simulated(tmp_path)
    return stack(path, Reading(star=tmp_path / "p.star"), rng)


def learned(particles, **asked):
    request = Request(steps=4, **asked)
    return density(particles, request, Job(options=request.options, deadline=None), {"generated": True})


def test_a_map_has_the_voxels_of_the_images_and_says_what_it_is_not(particles):
    found = learned(particles)
    image = found.images[""]
    assert (image.shape, image.axes, image.scale["X"]) == ((SIZE,) * 3, "ZYX", PIXEL)
    assert image.provenance["generated"]
    assert np.asarray(image.data).min() >= 0
    assert "no refinement" in found.account.meaning[1]
    assert found.account.recorded.shape == found.account.made.shape == (4 * SIZE, 4 * SIZE)
    assert any("32 particles are too few" in warning for warning in found.account.warnings)


def test_halves_share_no_critic_and_no_particle_and_are_compared_with_the_truth_too(particles, tmp_path):
    found = learned(particles, halves=True, truth=tmp_path / "truth.mrc")
    assert list(found.images) == ["", "_half1", "_half2"]
    maps = [np.asarray(image.data) for image in found.images.values()]
    assert not np.array_equal(maps[1], maps[2])
    half, truth = found.facts["half_maps"], found.facts["truth"]
    assert half["threshold"] == 0.143
    curve = np.array(half["cycles_per_voxel"]), np.array(half["correlation"])
    assert half["resolution_angstrom"] == PIXEL * resolution(*curve, 0.143)
    assert 0 < truth["map_correlation"] < 1
    assert [one.title for one in found.account.agreements] == ["Agreement of half-maps", "Agreement with the truth"]
    assert "a bound from above, not the resolution" in found.facts["agreement"][0]


def test_halves_share_no_patch_of_background(particles, monkeypatch, rng):
    patches, given = torch.randn(9, 1, SIZE, SIZE, generator=rng), []

    def kept(*args, background, **settings):
        given.append(background)
        return cryogan(*args, background=background, **settings)

    monkeypatch.setattr("pellucid.workflows.particles_density.cryogan", kept)
    learned(replace(particles, background=patches), halves=True)
    whole, *halves = given
    assert torch.equal(whole, patches)
    assert sorted(map(len, halves)) == [4, 5]
    assert torch.equal(torch.cat(halves).flatten(1).sum(1).sort().values, patches.flatten(1).sum(1).sort().values)


def test_a_seed_fixes_the_map(particles):
    first, same, other = (np.asarray(learned(particles, seed=seed).images[""].data) for seed in (0, 0, 1))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_symmetry_makes_the_map_symmetric(particles):
    data = np.asarray(learned(particles, symmetry="C2").images[""].data)[1:, 1:, 1:]
    np.testing.assert_allclose(data, data[:, ::-1, ::-1], atol=1e-5 * data.max())


def test_a_training_that_leaves_nothing_is_said_to(particles, monkeypatch):
    monkeypatch.setattr("pellucid.workflows.particles_density.trained", lambda *args, **how: None)
    with pytest.raises(InputError, match="still empty after this training"):
        learned(particles)


def test_a_reference_is_brought_to_the_voxels_of_the_images(particles, tmp_path):
    fine = write(tmp_path / "fine.mrc", molecule().volume(2 * SIZE)[0, 0], stack=False)
    with pytest.raises(InputError, match=r"160.0 angstrom wide and the images 80.0"):
        reference(fine, particles)
    with mrcfile.open(fine, "r+") as file:
        file.voxel_size = PIXEL / 2
    assert reference(fine, particles).shape == (1, 1, SIZE, SIZE, SIZE)
    torch.testing.assert_close(reference(tmp_path / "truth.mrc", particles)[0, 0], molecule().volume(SIZE)[0, 0])
    with pytest.raises(InputError, match="as many planes as rows"):
        reference(write(tmp_path / "flat.mrc", np.ones((4, 8, 8)), stack=False), particles)
