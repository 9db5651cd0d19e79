import os

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.io import imread

from pellucid.errors import InputError
from pellucid.noise import Gaussian, PoissonGaussian, diagnose, photon_transfer, photon_transfer_repeats

FMD = {
    "Confocal_BPAE_B", "Confocal_BPAE_G", "Confocal_BPAE_R", "Confocal_FISH", "Confocal_MICE",
    "TwoPhoton_BPAE_B", "TwoPhoton_BPAE_G", "TwoPhoton_BPAE_R", "TwoPhoton_MICE",
}  # fmt: skip


@pytest.fixture
def scene(numpy_rng):
    """Return a smooth scene between 0 and 1, shape (256, 256)."""
    blurred = ndimage.gaussian_filter(numpy_rng.normal(size=(256, 256)), 6, mode="wrap")
    return (blurred - blurred.min()) / np.ptp(blurred)


@pytest.mark.parametrize(("gain", "offset", "sigma"), [(3.0, 100.0, 0.0), (1.0, 0.0, 4.0), (20.0, 3.0, 0.5)])
def test_the_curve_of_a_simulated_image_is_found(gain, offset, sigma, scene, numpy_rng):
    photons = 40 * scene
    y = gain * numpy_rng.poisson(photons) + offset + sigma * numpy_rng.normal(size=scene.shape)
    curve = photon_transfer(y)
    z = offset + gain * np.quantile(photons, [0.05, 0.5, 0.95])
    truth = gain * (z - offset) + sigma**2
    assert curve.model == "poisson-gaussian"
    np.testing.assert_allclose(np.sqrt(curve.variance_at(z) / truth), 1, atol=0.05)


def test_less_than_a_tenth_of_a_photon_a_pixel_is_no_obstacle(scene, numpy_rng):
    curve = photon_transfer(7.0 * numpy_rng.poisson(0.2 * scene**2) + 3)
    assert curve.gain == pytest.approx(7, rel=0.05)
    assert curve.offset == pytest.approx(3, abs=0.02)


def test_noise_of_one_strength_is_called_gaussian(scene, numpy_rng):
    curve = photon_transfer(200 * scene + 9.0 * numpy_rng.normal(size=scene.shape))
    assert (curve.model, curve.gain, curve.offset) == ("gaussian", 0.0, 0.0)
    assert curve.sigma == pytest.approx(9, rel=0.03)
    assert isinstance(curve.noise, Gaussian)


def test_saturated_and_clipped_pixels_do_not_bend_the_line(scene, numpy_rng):
    y = 4.0 * numpy_rng.poisson(70 * scene) + 10 * numpy_rng.normal(size=scene.shape)
    clipped = np.clip(np.round(y), 0, 150)
    assert (clipped == 150).mean() > 0.2
    z = np.array([40.0, 80, 110])
    ratio = photon_transfer(clipped).variance_at(z) / (4 * z + 100)
    np.testing.assert_allclose(np.sqrt(ratio), 1, atol=0.08)


def test_too_much_saturation_is_refused(scene, numpy_rng):
    y = numpy_rng.poisson(70 * scene + 20).astype(float)
    with pytest.raises(InputError, match=r"9\d% of the pixels are saturated at"):
        photon_transfer(np.minimum(y, np.quantile(y, 0.05).round()))


@pytest.mark.parametrize("columns", [10, 100, 160])
def test_padding_is_no_part_of_the_image(columns, scene, numpy_rng):
    y = 100 + 3.0 * numpy_rng.poisson(40 * scene) + numpy_rng.normal(size=scene.shape)
    y[:, :columns] = 0
    seen = diagnose(y)
    z = np.array([130.0, 180])
    np.testing.assert_allclose(np.sqrt(seen.transfer.variance_at(z) / (3 * (z - 100) + 1)), 1, atol=0.1)
    assert not seen.correlation.correlated


def test_units_travel_with_the_image(scene, numpy_rng):
    y = 3.0 * numpy_rng.poisson(40 * scene) + 100
    plain, standard = photon_transfer(y), photon_transfer((y - 150) / 50)
    z = np.linspace(105, 200, 5)
    np.testing.assert_allclose(standard.variance_at((z - 150) / 50) * 50**2, plain.variance_at(z), rtol=0.02)


def test_the_noise_model_has_the_fitted_variance(scene, numpy_rng):
    curve = photon_transfer(3.0 * numpy_rng.poisson(40 * scene) + 100)
    assert isinstance(curve.noise, PoissonGaussian)
    z = np.linspace(90, 220, 40)
    np.testing.assert_allclose(curve.noise.variance(torch.tensor(z)), curve.variance_at(z), rtol=1e-4)


def test_repeats_see_the_noise_even_where_it_is_correlated(scene, numpy_rng):
    noise = ndimage.gaussian_filter(numpy_rng.normal(size=(2, 256, 256)), (0, 1, 1), mode="wrap")
    a, b = 100 * scene + 10 * noise / noise.std() * np.sqrt(scene + 0.5)
    z = np.array([20.0, 50, 80])
    np.testing.assert_allclose(photon_transfer_repeats(a, b).variance_at(z), 100 * (z / 100 + 0.5), rtol=0.08)


@pytest.mark.parametrize("reach", [0.0, 0.7])
def test_correlated_noise_is_named_and_its_full_variance_found(reach, scene, numpy_rng):
    noise = numpy_rng.normal(size=scene.shape)
    noise = ndimage.gaussian_filter(noise, reach, mode="wrap") if reach else noise
    seen = diagnose(300 * scene + 10 * noise / noise.std())
    true = np.exp(-1 / (4 * reach**2)) if reach else 0.0
    assert seen.correlation.correlated == (reach > 0)
    assert seen.correlation.lag1_y == pytest.approx(true, abs=0.08)
    assert seen.correlation.lag1_x == pytest.approx(true, abs=0.08)
    assert seen.transfer.sigma == pytest.approx(10, rel=0.12)


def test_a_stack_is_one_estimate(numpy_rng):
    stack = numpy_rng.poisson(np.linspace(5, 50, 64), (2, 3, 48, 64)).astype(float)
    assert photon_transfer(stack).gain == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((64, 64)), "constant"),
        (np.ones(100), "32 pixels a side"),
        (np.eye(20), "32 pixels a side"),
        (np.full((64, 64), np.nan), "NaN"),
        (np.pad([[1.0]], 32), "but for a few pixels"),
    ],
)
def test_images_that_show_no_noise_are_refused(image, words):
    with pytest.raises(InputError, match=words):
        diagnose(image)


def test_repeats_must_match():
    with pytest.raises(InputError, match="one shape"):
        photon_transfer_repeats(np.eye(40), np.eye(41))


def true_deviation(raw, gt, levels):
    """Return the deviation of raw from the mean of 50 repeats, itself among them, around some levels."""
    order = np.argsort(gt, axis=None, kind="stable")
    parts = np.array_split(order, 40)
    means = [gt.ravel()[part].mean() for part in parts]
    variances = [(raw - gt).ravel()[part].var() / (1 - 1 / 50) for part in parts]
    return np.sqrt(np.interp(levels, means, variances))


@pytest.mark.real
@pytest.mark.skipif("PELLUCID_DATA" not in os.environ, reason="set PELLUCID_DATA to the folder of real data sets")
@pytest.mark.parametrize("number", ["1", "2", "3"])
@pytest.mark.parametrize("name", sorted(FMD))
def test_microscope_noise_is_found_within_an_eighth(name, number, data_root):
    raw, gt = (imread(data_root / "fluo_fmd" / kind / f"{name}_{number}.png").astype(float) for kind in ("raw", "gt"))
    seen = diagnose(raw)
    levels = np.quantile(gt, [0.25, 0.5, 0.75, 0.95])
    ratio = np.sqrt(seen.transfer.variance_at(levels)) / true_deviation(raw, gt, levels)
    np.testing.assert_allclose(ratio, 1, atol=0.125)
    assert not seen.correlation.correlated


@pytest.mark.real
@pytest.mark.skipif("PELLUCID_DATA" not in os.environ, reason="set PELLUCID_DATA to the folder of real data sets")
@pytest.mark.parametrize("number", ["1", "2", "3"])
@pytest.mark.parametrize("channel", ["B", "G", "R"])
def test_wide_field_noise_is_named_correlated(channel, number, data_root):
    raw = imread(data_root / "fluo_fmd" / "raw" / f"WideField_BPAE_{channel}_{number}.png")
    assert diagnose(raw).correlation.correlated
