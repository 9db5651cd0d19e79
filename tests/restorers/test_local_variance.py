from dataclasses import replace

import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.noise import Gaussian
from pellucid.operators import Identity
from pellucid.restorers import LocalVariance
from pellucid.restorers.base import Restorer


class Flat(Restorer):
    """Predicts zero, whatever it sees: J-invariant."""

    def forward(self, given, rng=None):
        return torch.zeros_like(given.y)

    def stride(self, dims):
        return (3,) * dims


def scene(rng, space=(200, 200)):
    """Return x of deviation 0.3 on the left and 1 on the right, and y with noise of deviation 0.5."""
    x = torch.randn(1, 1, *space, generator=rng)
    x[..., : space[-1] // 2] *= 0.3
    y = x + 0.5 * torch.randn(x.shape, generator=rng)
    return Measurement(y=y, operator=Identity(), noise=Gaussian(0.5))


@pytest.mark.parametrize("space", [(200, 200), (24, 60, 60)])
def test_it_tells_the_variance_of_the_truth_around_the_prediction(space, rng):
    given = scene(rng, space)
    mean, variance = LocalVariance(Flat()).explain(given).unbind(1)
    assert not mean.any()
    half = space[-1] // 2
    assert float(variance[..., : half - 10].mean()) == pytest.approx(0.09, rel=0.15)
    assert float(variance[..., half + 10 :].mean()) == pytest.approx(1.0, rel=0.1)


def test_the_window_is_the_mean_of_the_squares_that_lie_in_the_image(rng):
    given = scene(rng, (20, 24))
    variance = LocalVariance(Flat()).explain(given)[0, 1, 0]
    excess = given.y[0, 0].square() - 0.25
    assert float(variance[10, 12]) == pytest.approx(float(excess[2:19, 4:21].mean()), rel=1e-4)
    assert float(variance[0, 0]) == pytest.approx(max(float(excess[:9, :9].mean()), 1e-4), rel=1e-4)


def test_pixels_without_weight_do_not_count(rng):
    given = scene(rng)
    weight = torch.rand(given.y.shape, generator=rng) > 0.2
    spoiled = replace(given, y=torch.where(weight, given.y, 100.0), weight=weight)
    variance = LocalVariance(Flat()).explain(spoiled)[:, 1]
    assert float(variance[..., 110:].mean()) == pytest.approx(1.0, rel=0.15)


def test_a_perfect_prediction_has_the_smallest_variance(rng):
    given = Measurement(y=torch.zeros(1, 1, 30, 30), operator=Identity(), noise=Gaussian(0.5))
    assert torch.equal(LocalVariance(Flat()).explain(given)[:, 1], torch.full((1, 1, 30, 30), 1e-4))


def test_the_noise_must_be_known(rng):
    with pytest.raises(InputError, match="where the noise is known"):
        LocalVariance(Flat()).explain(Measurement(y=torch.zeros(1, 1, 8, 8), operator=Identity()))


def test_its_period_is_that_of_the_model():
    assert LocalVariance(Flat()).stride(2) == (3, 3)
