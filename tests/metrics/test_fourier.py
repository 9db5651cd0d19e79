import numpy as np
import pytest
from scipy import ndimage

from pellucid.metrics import frc, frc_split, fsc, resolution


def test_equal_images_agree_at_every_frequency_and_opposite_ones_nowhere(numpy_rng):
    a = numpy_rng.normal(size=(31, 40))
    np.testing.assert_allclose(fsc(a, 3 * a + 5)[1], 1)
    np.testing.assert_allclose(fsc(a, -a)[1], -1)
    np.testing.assert_allclose(frc(a, a)[1], 1)


@pytest.mark.parametrize("shape", [(256, 256), (40, 48, 45)])
def test_the_curve_of_signal_and_noise_is_the_ratio_of_their_powers(shape, numpy_rng):
    signal = numpy_rng.normal(size=shape)
    frequency, correlation = fsc(*(signal + 2 * numpy_rng.normal(size=(2, *shape))))
    assert frequency[-1] == 0.5 or frequency[-1] == pytest.approx(0.5, abs=0.02)
    assert correlation[frequency > 0.2].mean() == pytest.approx(1 / (1 + 4), abs=0.02)


def test_independent_images_do_not_agree(numpy_rng):
    _, correlation = frc(*numpy_rng.normal(size=(2, 200, 200)))
    assert abs(correlation[5:].mean()) < 0.02


def test_the_window_silences_the_border(numpy_rng):
    ramp = np.add.outer(np.arange(128.0), np.arange(128.0))
    shots = ramp + numpy_rng.normal(size=(2, 128, 128))
    assert fsc(*shots)[1][-20:].mean() > 0.3
    assert frc(*shots)[1][-20:].mean() < 0.1


def test_the_resolution_is_where_the_signal_ends(numpy_rng):
    white = np.fft.fft2(numpy_rng.normal(size=(256, 256)))
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
    signal = np.fft.ifft2(white * (radius < 0.2)).real
    shots = signal + 0.05 * numpy_rng.normal(size=(2, 256, 256))
    assert resolution(*fsc(*shots)) == pytest.approx(5, rel=0.05)
    assert resolution(*fsc(shots[0], shots[0])) == 2.0


def test_volumes_with_short_axes_are_served(numpy_rng):
    volume = ndimage.gaussian_filter(numpy_rng.normal(size=(5, 64, 64)), 1)
    frequency, correlation = fsc(volume, volume)
    assert frequency.shape == correlation.shape == (32,)


def test_a_split_of_noise_has_the_curve_of_two_recordings(numpy_rng):
    """Both halves of Poisson-Gaussian noise are uncorrelated given the object."""
    white = np.fft.fft2(numpy_rng.normal(size=(256, 256)))
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
    x = np.fft.ifft2(white * np.exp(-((radius / 0.12) ** 2))).real
    x = np.maximum(30 + 8 * x / x.std(), 0)
    shots = 2.0 * numpy_rng.poisson(x, (2, 256, 256)) + numpy_rng.normal(0, 3, (2, 256, 256))
    frequency, two = frc(*shots)
    _, single = frc_split(shots[0], 2.0 * shots[0] + 9, numpy_rng)
    seen = two > 0.5
    np.testing.assert_allclose(single[seen], two[seen], atol=0.15)
    assert np.mean(single[~seen] - two[~seen]) == pytest.approx(0, abs=0.04)
    assert resolution(frequency, single) == pytest.approx(resolution(frequency, two), rel=0.15)


def test_a_split_of_noise_alone_does_not_agree(numpy_rng):
    curves = [frc_split(numpy_rng.normal(100, 7, (128, 128)), 49.0, numpy_rng)[1] for _ in range(10)]
    assert np.mean(curves) == pytest.approx(0, abs=0.01)


def test_a_restored_image_would_agree_with_itself_at_every_detail(numpy_rng):
    """Why it is refused: what is left of the noise after a filter is common to both halves."""
    noisy = numpy_rng.normal(100, 7, (128, 128))
    _, curve = frc_split(ndimage.gaussian_filter(noisy, 1.0), 0.1, numpy_rng)
    assert curve[:30].min() > 0.5
