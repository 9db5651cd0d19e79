import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import kstest, t

from pellucid.errors import InputError
from pellucid.metrics.temporal import (
    coherence,
    cosine_drifts,
    full_width,
    phase_correlation,
    roc_area,
    t_map,
    temporal_snr,
)

FRAMES = 40
RESPONSE = (np.arange(FRAMES) // 8) % 2


def test_cosines_are_orthogonal_to_one_another_and_to_the_mean():
    drifts = cosine_drifts(FRAMES, 3)
    assert drifts.T @ drifts == pytest.approx(FRAMES / 2 * np.eye(3))
    assert drifts.sum(0) == pytest.approx(np.zeros(3))


def test_temporal_snr_of_white_noise_is_mean_over_deviation(numpy_rng):
    series = 50 + 2 * numpy_rng.standard_normal((FRAMES, 30, 30))
    assert temporal_snr(series) == pytest.approx(series.mean(0) / series.std(0, ddof=1))
    assert temporal_snr(series).mean() == pytest.approx(25, rel=0.03)
    assert not temporal_snr(np.full((5, 2), 3.0)).any()


def test_what_is_expected_is_no_noise(numpy_rng):
    noise = 2 * numpy_rng.standard_normal((FRAMES, 900))
    expected = np.column_stack([RESPONSE, cosine_drifts(FRAMES, 2)])
    moved = 50 + noise + expected @ numpy_rng.normal(0, 10, (3, 900))
    assert temporal_snr(moved).mean() < 10
    assert np.mean(2 * temporal_snr(moved, expected) / moved.mean(0)) == pytest.approx(1, rel=0.03)


def test_without_activation_t_has_students_distribution(numpy_rng):
    """Whatever the drift: it is fitted."""
    series = numpy_rng.standard_normal((FRAMES, 4000))
    series += cosine_drifts(FRAMES, 2) @ numpy_rng.normal(0, 20, (2, 4000))
    assert kstest(t_map(series, RESPONSE), t(FRAMES - 4).cdf).pvalue > 0.01


def test_t_is_the_change_over_its_error(numpy_rng):
    """Against two means with a pooled variance: the same test where there are no drifts."""
    series = numpy_rng.standard_normal((FRAMES, 7)) + 0.8 * RESPONSE[:, None]
    task, rest = series[RESPONSE == 1], series[RESPONSE == 0]
    pooled = ((len(task) - 1) * task.var(0, ddof=1) + (len(rest) - 1) * rest.var(0, ddof=1)) / (FRAMES - 2)
    expected = (task.mean(0) - rest.mean(0)) / np.sqrt(pooled * (1 / len(task) + 1 / len(rest)))
    assert t_map(series, RESPONSE, drifts=0) == pytest.approx(expected)


def test_area_under_the_curve(numpy_rng):
    assert roc_area([1, 2, 3, 4], [0, 0, 1, 1]) == 1
    assert roc_area([1, 2, 3, 4], [1, 1, 0, 0]) == 0
    assert roc_area([5, 5, 5, 5], [1, 0, 1, 0]) == 0.5
    active = np.repeat([0, 1], 20000)
    shifted = numpy_rng.standard_normal(40000) + active  # Φ(1 / √2)
    assert roc_area(shifted, active) == pytest.approx(0.7602, abs=0.01)
    with pytest.raises(InputError, match="voxels that are active"):
        roc_area([1, 2], [0, 0])


def test_a_steady_phase_is_coherent_and_a_random_one_is_not(numpy_rng):
    phase = np.exp(2j * np.pi * numpy_rng.random((1, 50)))
    assert coherence(np.repeat(phase, FRAMES, 0) * numpy_rng.random((FRAMES, 50))) == pytest.approx(np.ones(50))
    assert coherence(np.exp(2j * np.pi * numpy_rng.random((400, 50)))).max() < 0.2
    noise = numpy_rng.standard_normal((2000, 20)) + 1j * numpy_rng.standard_normal((2000, 20))
    assert coherence(phase[:, :20] + 0.1 * noise).mean() == pytest.approx(1 - 0.01 / 2, abs=5e-4)


def test_phase_correlation_is_blind_to_magnitude(numpy_rng):
    x = numpy_rng.standard_normal(500) + 1j * numpy_rng.standard_normal(500)
    assert phase_correlation(numpy_rng.random(500) * x, x) == pytest.approx(1)
    assert phase_correlation(x * np.exp(0.2j), x) == pytest.approx(np.cos(0.2))
    assert abs(phase_correlation(x, numpy_rng.permutation(x))) < 0.1


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.5])
def test_the_width_of_a_known_blur(sigma):
    point = np.zeros((41, 43))
    point[19, 22] = 1
    assert full_width(gaussian_filter(point, sigma)) == pytest.approx(2 * np.sqrt(2 * np.log(2)) * sigma, rel=0.05)
    assert full_width(point) == 1
    across = gaussian_filter(point, (0, sigma))
    assert full_width(across) == pytest.approx(0.5 + np.sqrt(2 * np.log(2)) * sigma, rel=0.05)


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(InputError, match="wider than what was cut"):
        full_width(np.ones((5, 5)))
    with pytest.raises(InputError, match="cannot be fitted to 4 frames"):
        t_map(np.ones((4, 3)), [0, 1, 0, 1])
