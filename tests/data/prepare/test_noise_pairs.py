import numpy as np
import pytest
import torch

from pellucid.data.io import read
from pellucid.data.prepare.noise_pairs import check_calibration, noise_pairs, of_repeats
from pellucid.errors import InputError
from pellucid.noise import PoissonGaussian, diagnose, photon_transfer_pairs

NOISE = PoissonGaussian(4.0, 100.0, 6.0)


def bump(side=128, height=800.0, width=0.2):
    """A smooth field with a dark border, of any size."""
    x = torch.linspace(-1, 1, side)
    return 110 + height * torch.exp(-(x[:, None] ** 2 + x**2) / width)


def recorded(scene, rng, count=1):
    return NOISE.sample(scene.expand(count, -1, -1), rng)


def assert_told(pairs, tolerance=0.1):
    """The pairs tell the noise: its variance is that of NOISE, and it has zero mean, within 5 standard errors."""
    signal, observed = pairs
    assert signal.shape == observed.shape
    transfer = photon_transfer_pairs(signal.double().numpy(), observed.double().numpy())
    at = torch.tensor([150.0, 300.0, 600.0])
    np.testing.assert_allclose(transfer.variance_at(at.numpy()), NOISE.variance(at), rtol=tolerance)
    noise = observed - signal
    assert noise.mean().abs() < 5 * noise.std() / noise.numel() ** 0.5


def test_a_smooth_field_tells_the_noise_from_one_frame(rng):
    assert_told(noise_pairs(recorded(bump(256), rng), "FD.tif"))


@pytest.mark.parametrize("count", [2, 5])
def test_repeats_tell_the_noise_of_any_scene(count, rng, phantom_2d):
    scene = 110 + 500 * (phantom_2d[0, 0] - phantom_2d.min()) / (phantom_2d.max() - phantom_2d.min())
    assert_told(noise_pairs(recorded(scene, rng, 2 * count), "stack.tif"), tolerance=0.15)


def test_the_mean_of_all_repeats_is_not_biased_and_that_of_the_others_would_be(rng):
    """Where the mean of the other frames is low by chance, the recording is higher: by var / n of its scene."""
    x = 300 + 20 * torch.randn(1, 200, 200, generator=rng)
    frames = recorded(x[0], rng, 4)
    signal, observed = of_repeats(frames)
    dark = signal < signal.quantile(0.2)
    noise = (observed - signal)[dark]
    assert noise.mean().abs() < 5 * noise.std() / noise.numel() ** 0.5
    others = (4 * signal - frames) / 3
    dark = others < others.quantile(0.2)
    noise = (frames - others)[dark]
    assert noise.mean() > 20 * noise.std() / noise.numel() ** 0.5


def test_a_lamp_may_flicker(rng):
    frames = recorded(bump(), rng, 4) + torch.tensor([0.0, 5.0, -4.0, 9.0]).view(-1, 1, 1)
    signal, observed = noise_pairs(frames, "stack.tif")
    assert_told((signal - 2.5, observed - 2.5), tolerance=0.15)


def test_what_cannot_calibrate_is_refused(rng):
    stripes = bump() + 60 * torch.sin(torch.arange(128) / 2.0)
    with pytest.raises(InputError, match=r"cells.tif cannot calibrate the noise, for it is one frame with structure"):
        noise_pairs(recorded(stripes, rng), "cells.tif")
    frames = recorded(stripes, rng, 5)
    noise_pairs(frames, "stack.tif")
    frames[3] = recorded(stripes.roll(4, 1), rng)[0]
    with pytest.raises(InputError, match=r"for frame 3 differs from the others by more than noise: record a scene"):
        noise_pairs(frames, "stack.tif")
    with pytest.raises(InputError, match=r"flat.tif shows no noise: all its values are the same"):
        noise_pairs(torch.full((1, 64, 64), 7.0), "flat.tif")
    with pytest.raises(InputError, match=r"copy.tif shows no noise"):
        noise_pairs(recorded(stripes, rng).expand(3, -1, -1), "copy.tif")
    with pytest.raises(InputError, match=r"frames of 20 x 128 pixels; give 30 a side"):
        noise_pairs(recorded(bump()[:20], rng), "thin.tif")


@pytest.fixture
def image(rng):
    return recorded(bump(96, 500.0, 0.1), rng)[:, None]


def test_a_calibration_of_another_size_suits_the_image(image, rng):
    transfer = diagnose(image[0].double().numpy()).transfer
    check_calibration(noise_pairs(recorded(bump(200), rng), "FD.tif"), "FD.tif", image, transfer)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda z, y: (z, z + 3 * (y - z)), "another gain: at the same intensities its noise has .* times the var"),
        (lambda z, y: (z.clamp(max=180), y), "at intensities from .* to 180, but .*% of the image lie outside"),
        (lambda z, y: (z / 256, y / 256), "but 100% of the image lie outside .* the bit depth"),
        (lambda z, y: (z + 400, y + 400), "% of the image lie outside"),
    ],
)
def test_a_calibration_of_another_gain_or_range_is_refused(change, said, image, rng):
    transfer = diagnose(image[0].double().numpy()).transfer
    pairs = change(*noise_pairs(recorded(bump(200), rng), "FD.tif"))
    with pytest.raises(InputError, match=f"FD.tif .*{said}"):
        check_calibration(pairs, "FD.tif", image, transfer)


@pytest.mark.real
def test_a_field_diaphragm_calibrates_its_camera(data_root):
    """Convallaria: the gain that the calibration tells agrees with that of the image within 15 %."""
    field, cells = (
        torch.from_numpy(np.asarray(read(data_root / "fluo_convallaria" / f).data[...], dtype=np.float32))[None]
        for f in ("FD0000.tif", "Conv0000.tif")
    )
    pairs = noise_pairs(field, "FD0000.tif")
    transfer = diagnose(cells.double().numpy()).transfer
    check_calibration(pairs, "FD0000.tif", cells[:, None], transfer)
    told = photon_transfer_pairs(*(part.double().numpy() for part in pairs))
    assert told.gain == pytest.approx(transfer.gain, rel=0.15)
    with pytest.raises(InputError, match="structure"):
        noise_pairs(cells, "Conv0000.tif")
