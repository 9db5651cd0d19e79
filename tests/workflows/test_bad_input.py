"""Images as they should not be: restored with a warning, or refused in one sentence."""

import numpy as np
import pytest

from pellucid.errors import InputError
from pellucid.noise import diagnose
from pellucid.workflows.denoise import denoise

SMALL = {"features": 4, "patch": 32, "batch": 2, "flips": False}


def rms(a, b):
    return np.sqrt(np.mean((a - b) ** 2))


def smoothed(image):
    """Restore by what needs no training."""
    return denoise(image, method="total_variation")


def refused(image, **given):
    with pytest.raises(InputError) as told:
        denoise(image, method="total_variation", **given)
    sentence = str(told.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_saturated_pixels_are_left_out_of_the_noise_and_warned_of(frame, truth):
    top = 140.0
    clipped = np.minimum(frame.data.round(), top)
    result = smoothed(clipped)
    assert any("saturated at 140" in warning for warning in result.summary["warnings"])
    below = truth < top - 25
    assert rms(result.image[below], truth[below]) < 0.7 * rms(clipped[below], truth[below])


def test_an_image_that_is_saturated_nearly_everywhere_is_refused(frame):
    assert "saturated" in refused(np.minimum(frame.data.round(), np.quantile(frame.data, 0.02).round()))


def test_few_grey_levels_are_restored_with_a_warning(frame, truth):
    coarse = (frame.data / 16).round().astype(np.uint8)
    assert len(np.unique(coarse)) <= 13
    result = smoothed(coarse)
    assert rms(result.image, truth / 16) < 0.7 * rms(coarse, truth / 16)
    assert any("coarse beside the noise" in warning for warning in result.summary["warnings"])
    assert smoothed(frame.data.round()).summary["warnings"] == []


def test_a_mask_is_refused(frame):
    assert "mask" in refused((frame.data > 130).astype(np.uint8))
    assert "mask" in refused(frame.data > 130)


def test_a_background_of_zeros_is_restored(truth, numpy_rng):
    photons = (truth - 110) / 40  # below a tenth of a photon in the dark
    counts = numpy_rng.poisson(photons.clip(min=0)).astype(np.uint16)
    assert (counts == 0).mean() > 0.6
    result = smoothed(counts)
    assert rms(result.image, photons) < 0.6 * rms(counts, photons)
    assert diagnose(counts.astype(float)).transfer.gain == pytest.approx(1, rel=0.5)


@pytest.mark.parametrize("method", ["noise2void", "noise2self"])
def test_pixels_that_equal_their_replacement_stay_in_the_loss(method, truth, numpy_rng):
    """The mask is known from its coordinates: on a background of zeros nothing leaves the loss, and nothing is NaN."""
    counts = numpy_rng.poisson((truth - 110).clip(min=0) / 40)
    result = denoise(counts, method=method, steps=3, settings=SMALL)
    assert np.isfinite(result.image).all()
    assert result.summary["risk"] > 0


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda y: np.full_like(y, 7), "constant"),
        (lambda y: np.pad([[1.0]], 32), "but for a few pixels"),
        (lambda y: np.where(np.eye(64) > 0, np.nan, y), "64 NaN"),
        (lambda y: np.where(np.eye(64) > 0, np.inf, y), "64 infinite values"),
        (lambda y: y[:1], "1 x 64 pixels"),
        (lambda y: y[:, :1], "64 x 1 pixels"),
        (lambda y: y[:1, :1], "constant"),
        (lambda y: y[:0], "empty"),
        (lambda y: 1e-30 * y.astype(float), "32-bit"),
        (lambda y: 1e30 * y.astype(float), "32-bit"),
        (lambda y: 1e9 + y.astype(float), "subtract the offset"),
    ],
)
def test_what_cannot_be_restored_is_refused_in_one_sentence(spoil, words, frame):
    assert words in refused(spoil(frame.data))


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_units_are_the_users(scale, frame):
    plain, scaled = smoothed(frame), smoothed(frame.data.astype(float) * scale)
    np.testing.assert_allclose(scaled.image / scale, plain.image, rtol=1e-3)
    assert scaled.summary["risk"] == pytest.approx(plain.summary["risk"] * scale**2, rel=1e-3)
    assert scaled.summary["verdict"] == plain.summary["verdict"]
