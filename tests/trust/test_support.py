import numpy as np
import pytest
from scipy import ndimage

from pellucid.noise import Autocorrelation, PhotonTransfer
from pellucid.trust import unsupported

SIDE, SIGMA = 192, 5.0
NOTHING = np.zeros(0)
GAUSSIAN = PhotonTransfer(
    model="gaussian",
    gain=0.0,
    offset=0.0,
    sigma=SIGMA,
    floor=SIGMA**2,
    intensity=NOTHING,
    variance=NOTHING,
    pixels=NOTHING.astype(int),
)


def white():
    seen = np.zeros((7, 7))
    seen[3, 3] = 1
    return Autocorrelation(map=seen, lag1_y=0.0, lag1_x=0.0, total=1.0)


def found(noisy, restored, correlation=None):
    return unsupported(noisy[None], restored[None], transfer=GAUSSIAN, correlation=correlation or white())[0]


@pytest.fixture
def truth():
    """Fine detail, three times as strong as the noise."""
    detail = ndimage.gaussian_filter(np.random.default_rng(1).standard_normal((SIDE, SIDE)), 1.5)
    return 100 + 3 * SIGMA * detail / detail.std()


def test_the_truth_is_borne_out_at_the_stated_odds(truth, numpy_rng, monkeypatch):
    """At one standard deviation T exceeds S as often as a normal variable would, 16 %; at five, nowhere."""
    noisy = numpy_rng.normal(truth, SIGMA)
    assert found(noisy, truth).max() == 0
    monkeypatch.setattr("pellucid.trust.support.SURE", 1.0)
    monkeypatch.setattr("pellucid.trust.support.BANDS", ((1.0, 2.0),))
    places = [(found(numpy_rng.normal(truth, SIGMA), truth) > 0).mean() for _ in range(20)]
    assert np.mean(places) == pytest.approx(0.159, abs=0.02)  # measured: 0.163


def test_added_detail_is_found_where_it_is_and_understated(numpy_rng):
    noisy = numpy_rng.normal(100, SIGMA, (SIDE, SIDE))
    grain = ndimage.gaussian_filter(numpy_rng.standard_normal((SIDE, SIDE)), 1)
    distance = np.hypot(*np.mgrid[-96:96, -96:96])
    here = distance < 30
    added = SIGMA * here * grain / grain.std()
    seen = found(noisy, 100 + added)

    def strength(image):
        return max(
            (ndimage.gaussian_filter(image, a) - ndimage.gaussian_filter(image, 2 * a))[here].std() for a in (1, 2)
        )

    assert 1 < np.median(seen[here]) < 2 * strength(added) / strength(noisy)
    assert seen[distance > 60].max() < 1e-3


def test_lost_detail_and_noise_left_are_not_called_added(truth, numpy_rng):
    noisy = numpy_rng.normal(truth, SIGMA)
    assert found(noisy, ndimage.gaussian_filter(truth, 2)).max() == 0
    assert found(noisy, 0.5 * truth + 0.5 * noisy).max() == 0
    assert found(noisy, np.roll(truth, 3, 0)).max() > 2


def test_correlated_noise_is_taken_into_account(truth, numpy_rng):
    noise = ndimage.gaussian_filter(numpy_rng.standard_normal((SIDE, SIDE)), 0.8, mode="wrap")
    noisy = truth + SIGMA * noise / noise.std()
    reach = np.arange(-3, 4)
    own = Autocorrelation(
        map=np.exp(-(reach[:, None] ** 2 + reach**2) / (4 * 0.8**2)), lag1_y=0.68, lag1_x=0.68, total=1.0
    )
    assert found(noisy, truth).max() > 0.5
    assert found(noisy, truth, own).max() == 0
