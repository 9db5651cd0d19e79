import numpy as np
import pytest
import torch
from scipy import ndimage

from pellucid.errors import InputError
from pellucid.metrics import residual_vs_intensity, whiteness


def test_white_residuals_pass_as_often_as_they_should(numpy_rng):
    strength = np.linspace(0.1, 5, 48)
    p = [whiteness(strength * numpy_rng.normal(size=(48, 48))).p_value for _ in range(200)]
    assert 0.01 <= np.mean(np.array(p) < 0.05) <= 0.10


def test_correlated_residuals_fail_and_show_their_reach(numpy_rng):
    noise = ndimage.gaussian_filter1d(numpy_rng.normal(size=(200, 200)), 0.7, axis=1, mode="wrap")
    seen = whiteness(noise)
    assert seen.p_value < 1e-10
    assert seen.map[3, 4] == pytest.approx(np.exp(-1 / (4 * 0.7**2)), abs=0.02)
    assert abs(seen.map[4, 3]) < 0.02
    assert seen.score[3, 4] == seen.score[3, 2] > 50
    np.testing.assert_array_equal(seen.map, seen.map[::-1, ::-1])


def test_a_stack_of_residuals_is_one_test(numpy_rng):
    stack = numpy_rng.normal(size=(4, 1, 40, 50))
    parts = [whiteness(frame).map for frame in stack]
    np.testing.assert_allclose(whiteness(torch.tensor(stack)).map, np.mean(parts, 0), atol=0.01)


def test_a_residual_smaller_than_the_reach_is_refused():
    with pytest.raises(InputError, match="more than 3 pixels"):
        whiteness(np.ones((3, 9)))


def test_the_residual_of_the_truth_is_as_strong_as_the_noise(numpy_rng):
    x = numpy_rng.uniform(1, 50, (200, 200))
    seen = residual_vs_intensity(numpy_rng.poisson(x) - x, x, x)
    np.testing.assert_allclose(seen.ratio, 1, atol=0.15)
    np.testing.assert_allclose(seen.variance, seen.intensity, rtol=0.15)
    assert (np.abs(seen.mean) < 4 * seen.mean_se).all()


def test_lost_signal_and_left_noise_are_seen(numpy_rng):
    x = numpy_rng.uniform(0, 50, (200, 200))
    noise = numpy_rng.normal(size=x.shape)
    lost = residual_vs_intensity(noise + 0.1 * x, 0.9 * x, 1.0)
    assert lost.mean[-1] > 20 * lost.mean_se[-1]
    assert lost.ratio[-1] > 10
    left = residual_vs_intensity(0.5 * noise, x + 0.5 * noise, 1.0)
    np.testing.assert_allclose(left.ratio, 0.25, atol=0.05)


def test_more_bins_than_pixels_are_refused():
    with pytest.raises(InputError, match="ask for fewer bins"):
        residual_vs_intensity(np.ones(10), np.ones(10), 1.0)
