import numpy as np
import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.prepare import Standardisation
from pellucid.data.splits import BlindSpot
from pellucid.noise import Gaussian
from pellucid.operators import Identity
from pellucid.restorers.base import Moments
from pellucid.trust import Calibration, Risk, by_error, calibrate, calibrated, covered

SIGMA, WRONG = 1.0, 2.0
UNITS = Standardisation(Gaussian(SIGMA), 0.0, 1.0, stabilise=False)


class Prior(Moments):
    """Knows the mean of every pixel, and claims a standard deviation that is WRONG times too small."""

    def __init__(self, mean, variance):
        super().__init__()
        self.moments = torch.stack([mean, variance / WRONG**2], 1)

    def explain(self, given, rng=None):
        return self.moments


def scene(rng, side=160):
    """Return x ~ N(mu, v) with v of many sizes, y = x + n, and the prior."""
    mean = torch.randn(1, 1, side, side, generator=rng)
    variance = 4 * torch.rand(1, 1, side, side, generator=rng) + 0.5
    x = mean + variance.sqrt() * torch.randn(mean.shape, generator=rng)
    y = x + SIGMA * torch.randn(mean.shape, generator=rng)
    return x, Measurement(y=y, operator=Identity(), noise=Gaussian(SIGMA)), Prior(mean, variance)


def halves(y, count, rng):
    order = torch.randperm(y[0, 0].numel(), generator=rng)[None, None]
    return order[..., :count], order[..., count : 2 * count]


def test_the_factor_of_a_gaussian_prior_is_found(rng):
    _, data, prior = scene(rng)
    found = calibrate(prior, BlindSpot(), data, halves(data.y, 10000, rng), UNITS, rng=rng)
    assert found.factor == pytest.approx(WRONG, rel=0.05)
    assert found.low < WRONG < found.high
    assert found.before < 0.85
    assert found.after == pytest.approx(0.9, abs=4 * found.se)
    assert found.noise == pytest.approx(1, abs=0.1)
    assert found.applied == found.factor
    assert f"multiplied by {found.factor:.2g}" in found.sentence
    assert f"{found.after:.1%}" in found.sentence
    assert found.as_dict()["coverage"] == found.after


def test_the_estimate_is_unbiased_and_as_sure_as_it_says(rng):
    found = []
    for _ in range(40):
        _, data, prior = scene(rng, side=60)
        found.append(calibrate(prior, BlindSpot(), data, halves(data.y, 1500, rng), UNITS, rng=rng))
    squares = np.array([one.factor**2 for one in found])
    assert squares.mean() == pytest.approx(WRONG**2, abs=4 * squares.std() / 40**0.5)
    claimed = np.mean([(one.high**2 - one.low**2) / 4 for one in found])
    assert squares.std() == pytest.approx(claimed, rel=0.4)


def test_noise_that_was_misjudged_is_not_taken_for_spread(rng):
    _, data, prior = scene(rng, side=300)
    wrong = Standardisation(Gaussian(1.05**0.5 * SIGMA), 0.0, 1.0, stabilise=False)
    found = calibrate(prior, BlindSpot(), data, halves(data.y, 40000, rng), wrong, rng=rng)
    assert found.noise == pytest.approx(1 / 1.05, abs=0.03)
    assert found.low < WRONG < found.high


def test_the_spread_of_the_posterior_mean_is_that_of_its_error(rng):
    x, data, prior = scene(rng, side=400)
    mean, variance = prior.moments.unbind(1)
    share = variance / (variance + SIGMA**2)
    image = mean + share * (data.y - mean)
    claimed = (share * SIGMA**2).sqrt()
    error = (image - x)[0, 0].numpy()
    right = calibrated(claimed[0, 0], np.full(error.shape, SIGMA**2), WRONG)
    assert np.mean(error**2) == pytest.approx(np.mean(right**2), rel=0.02)
    assert covered(error, right**2) == pytest.approx(0.9, abs=0.005)
    assert covered(error, claimed.square()[0, 0]) < 0.85


def test_a_seen_pixel_is_compared_with_steins_error():
    risk = Risk(mean=14.0, se=0.1, noise_variance=10.0, pixels=1000, spread=1.0)
    found = by_error(risk)
    assert found.factor == pytest.approx(2.0)
    assert found.low == pytest.approx((4 - 0.2 - 0.5) ** 0.5)
    assert "no interval was checked" in found.sentence
    assert by_error(Risk(mean=14.0, se=0.1, spread=1.0)) is None
    assert by_error(Risk(mean=9.0, se=0.1, noise_variance=10.0, pixels=9, spread=1.0)).factor == 0


def test_what_cannot_be_calibrated_is_not(rng):
    _, data, prior = scene(rng, side=64)
    assert calibrate(prior, BlindSpot(), data, halves(data.y, 50, rng), UNITS, rng=rng) is None
    prior.moments = prior.moments[:, :1]
    assert calibrate(prior, BlindSpot(), data, halves(data.y, 500, rng), UNITS, rng=rng) is None


def test_a_claim_within_the_doubt_is_left_as_it_is_and_none_is_made_smaller():
    found = Calibration(factor=0.0, low=0.0, high=1.1, before=0.89, after=0.87, pixels=900)
    assert found.applied == 1
    assert "between 0 and 1.1 times what is claimed" in found.sentence
    assert "left as it is" in found.sentence
    assert Calibration(factor=0.6, low=0.5, high=0.7, before=0.95, after=0.92, pixels=900).applied == 1
