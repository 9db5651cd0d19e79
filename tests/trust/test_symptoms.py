import numpy as np
import pytest
from scipy import ndimage

from pellucid.errors import InputError
from pellucid.noise import Autocorrelation, PhotonTransfer, diagnose, photon_transfer
from pellucid.trust import examine

SIGMA = 6.0
SIDE = 256


@pytest.fixture(scope="module")
def truth():
    """Discs between 50 and 150, 4 pixels soft: edges, and much that is flat."""
    rng = np.random.default_rng(1)
    discs = ndimage.gaussian_filter((rng.random((SIDE, SIDE)) < 0.002).astype(float), 4)
    return 50 + 100 * discs / discs.max()


@pytest.fixture(scope="module")
def noisy(truth):
    return np.random.default_rng(2).normal(truth, SIGMA)


@pytest.fixture(scope="module")
def transfer(noisy):
    return photon_transfer(noisy)


def white():
    seen = np.zeros((7, 7))
    seen[3, 3] = 1
    return Autocorrelation(map=seen, lag1_y=0.0, lag1_x=0.0, total=1.0)


@pytest.fixture
def seen(noisy, transfer):
    def look(image, y=noisy, correlation=None):
        return examine(y, image, transfer=transfer, correlation=correlation or white())

    return look


def test_truth_has_no_symptom(seen, truth):
    found = seen(truth)
    assert found.structure == pytest.approx(1, abs=0.15)
    assert found.worst < 5
    assert found.left < 0.01
    assert found.excess == pytest.approx(1, abs=0.15)
    assert abs(found.bias) < 0.1
    assert abs(found.light) < 0.005


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_noise_that_is_left_is_measured(seen, truth, noisy, share):
    assert seen(truth + share * (noisy - truth)).left == pytest.approx(share**2, abs=0.02)


def test_noise_that_is_left_is_a_lower_bound(seen, noisy, truth):
    image = ndimage.gaussian_filter(noisy, 0.6)
    left = np.var(image - ndimage.gaussian_filter(truth, 0.6)) / SIGMA**2
    assert 0.1 < seen(image).left < left


def test_structure_in_the_residual_is_found_where_it_is(seen, truth):
    smooth = seen(ndimage.gaussian_filter(truth, 5))
    assert smooth.structure > 3
    assert smooth.edges
    rows, columns = np.mgrid[:SIDE, :SIDE]
    wave = seen(truth + SIGMA * np.sin(0.6 * rows + 0.4 * columns))
    assert wave.structure > 3


def test_a_lost_spot_is_found_at_its_place(seen, truth):
    rows, columns = np.mgrid[:SIDE, :SIDE]
    spot = 5 * SIGMA * np.exp(-((rows - 100) ** 2 + (columns - 31) ** 2) / (2 * 1.5**2))
    found = seen(truth - spot)
    assert found.worst > 8
    assert np.hypot(found.at[1] - 100, found.at[2] - 31) < 2
    assert found.at[0] == 0


def test_lost_light_and_bias_are_measured(seen, truth):
    assert seen(0.95 * truth).light == pytest.approx(0.05, abs=0.003)
    assert seen(1.05 * truth).light == pytest.approx(-0.05, abs=0.003)
    clipped = seen(np.minimum(truth, 70))
    assert clipped.bias > 1
    assert clipped.bias_intensity == pytest.approx(70, abs=3)
    assert clipped.excess > 2


def test_correlated_noise_is_no_structure(seen, truth, numpy_rng):
    width = 0.8
    noise = ndimage.gaussian_filter(numpy_rng.standard_normal(truth.shape), width, mode="wrap")
    reach = np.arange(-3, 4)
    own = np.exp(-(reach[:, None] ** 2 + reach**2) / (4 * width**2))
    correlation = Autocorrelation(map=own, lag1_y=own[4, 3], lag1_x=own[3, 4], total=1.0)
    y = truth + SIGMA * noise / noise.std()
    assert seen(truth, y).structure > 3
    assert seen(truth, y, correlation).structure == pytest.approx(1, abs=0.3)


def test_planes_are_judged_together(seen, noisy, truth):
    stack = np.stack([truth, truth])
    stack[1, 60:64, 60:64] += 10 * SIGMA
    assert seen(stack, np.stack([noisy, noisy])).at[0] == 1


def test_refuses_what_does_not_belong_together(seen, truth):
    with pytest.raises(InputError, match="same shape"):
        seen(truth[:-1])
    with pytest.raises(InputError, match="NaN"):
        seen(np.full_like(truth, np.nan))
    with pytest.raises(InputError, match="32 pixels"):
        examine(truth[:20], truth[:20], transfer=PhotonTransfer, correlation=white())


def test_a_constant_image_has_numbers(numpy_rng):
    noisy = 100 + 3 * numpy_rng.normal(size=(64, 64))
    seen = diagnose(noisy)
    found = examine(noisy, np.full_like(noisy, 100.0), transfer=seen.transfer, correlation=seen.correlation)
    assert np.isfinite([found.structure, found.worst, found.left, found.excess, found.bias, found.light]).all()


def test_a_pixel_that_stands_out_alone_is_no_structure(seen, truth, noisy):
    """Few photons make such pixels; a spot that was lost covers several."""
    spoilt, spot = noisy.copy(), np.zeros_like(truth)
    spoilt[100, 80] += 40 * SIGMA
    assert seen(truth, spoilt).worst < 5
    spot[100, 80] = 2 * np.pi * 4 * 5 * SIGMA
    lost = seen(truth, noisy + ndimage.gaussian_filter(spot, 2))
    assert lost.worst > 12
    assert np.hypot(lost.at[1] - 100, lost.at[2] - 80) < 3


def test_below_darkness_the_noise_is_that_of_the_recording_nearby():
    """At an intensity without photons the noise would vanish, and any fault there would seem endless."""
    rng = np.random.default_rng(0)
    x = np.full((SIDE, SIDE), 20.0)
    y = 10.0 * rng.poisson(x / 10)
    transfer = PhotonTransfer(
        model="poisson-gaussian",
        gain=10.0,
        offset=0.0,
        sigma=0.0,
        floor=1e-3,
        intensity=np.array([20.0]),
        variance=np.array([200.0]),
        pixels=np.array([SIDE**2]),
    )
    image = x.copy()
    image[100:104, 80:84] = -1.0
    found = examine(y, image, transfer=transfer, correlation=white())
    sizes = examine(y + 21 * (image < 0), x, transfer=transfer, correlation=white())
    assert found.worst == pytest.approx(sizes.worst, rel=0.2)
    assert found.excess < 2
    assert found.invented < 3
