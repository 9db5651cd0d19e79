from dataclasses import replace

import numpy as np
import pytest
import torch

from pellucid._math.rotations import uniform_rotations
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.restorers.volume import Volume
from pellucid.training import History
from pellucid.workflows.particles_maps import account_of, check, image_of, powers, prior_of, sections, seen, source_of
from pellucid.workflows.particles_stack import Reading, stack
from pellucid.workflows.particles_training import Request

from .particle_stacks import PIXEL, SIZE, molecule, simulated

pytest.importorskip("starfile", reason="starfile, of the extra em, reads STAR")


@pytest.fixture
def particles(tmp_path, rng):
    path = simulated(tmp_path, count=200)
    return stack(path, Reading(star=tmp_path / "p.star"), rng)


@pytest.fixture
def truth(rng):
    """Return the model that is the truth, in units of the noise: plain projections had its deviation."""
    model = Volume(SIZE)
    sides = uniform_rotations(300, rng)[:, None]
    model.voxels.data = molecule().volume(SIZE) / molecule().projections(SIZE, sides).std()
    return model


def test_dark_particles_are_refused_for_what_they_are(particles):
    dark = replace(particles, contrast=-8.0)
    with pytest.raises(InputError, match=r"darker than their surroundings, by 8 standard errors.*add --invert"):
        check(dark, Request())
    with pytest.raises(InputError, match="leave out --invert"):
        check(dark, Request(reading=Reading(invert=True)))
    assert "does not show" in check(replace(particles, contrast=1.0), Request())[0]


def test_two_halves_need_twice_as_many(particles):
    with pytest.raises(InputError, match="Two halves need 16 particles, and 10 are there"):
        check(particles[torch.arange(10)], Request(halves=True))


def test_images_of_the_truth_have_the_power_of_those_recorded(tmp_path, truth, rng):
    plain = stack(simulated(tmp_path, count=400, plain=True), Reading(), rng)
    frequency, recorded, made = powers(plain, seen(truth, plain, Request(shift=0.0)))
    assert frequency[-1] == 0.5
    assert recorded[1] > 5
    np.testing.assert_allclose(made[1:], recorded[1:], rtol=0.1)


def test_noise_comes_from_the_background_where_there_is_one(particles, rng):
    patches = torch.full((4, 1, SIZE, SIZE), 9.0)
    noisy = replace(particles, background=patches)
    empty = Volume(SIZE)
    assert (seen(empty, noisy, Request()) == 9).all()
    assert float(seen(empty, particles, Request()).detach().std()) == pytest.approx(1, abs=0.02)
    assert "4 patches of background are few" in check(noisy, Request())[-1]


def test_batches_are_whole_images_with_their_noise(particles, rng):
    batch = source_of(particles).draw(Step(0, 0.0, rng))
    assert batch.y.shape == (16, 1, SIZE, SIZE)
    whole = {tuple(image.flatten().tolist()) for image in particles.y}
    assert all(tuple(image.flatten().tolist()) in whole for image in batch.y)
    assert float(batch.noise.sample(torch.zeros(1, 1, 64, 64), rng).std()) == pytest.approx(1, abs=0.1)


def test_shifts_are_in_pixels_of_the_recording(tmp_path, rng):
    small = stack(simulated(tmp_path), Reading(size=8), rng)
    assert prior_of(small, Request(shift=2.0)).shift == 1.0
    assert prior_of(small, Request()).shift == 0.08


def test_a_map_is_written_in_angstrom(particles, truth):
    image = image_of(truth().detach(), particles, {"generated": True})
    assert (image.axes, image.scale, image.units["Z"]) == ("ZYX", dict.fromkeys("ZYX", PIXEL), "angstrom")
    assert list(sections(truth())) == ["Section x-y", "Section x-z", "Section y-z"]
    assert image_of(truth().detach(), replace(particles, pixel_size_angstrom=None), {}).scale == {}


def test_the_account_says_what_was_assumed(particles, truth):
    history = History(rows=[{"step": 1.0, "wasserstein": 0.5}])
    request = Request(symmetry="D2", settings={"positive": "false", "radius": "0.6"})
    account = account_of(particles, request, truth, history, method="CryoGAN", meaning=(), cuts=sections(truth()))
    assert "symmetry D2; noise is Gaussian." in account.notes[-1]
    assert "a ball of 0.6 half edges" in account.notes[-1]
    assert "negative" not in account.notes[-1]
    assert account.learning.loss.tolist() == [0.5]
