import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.networks import UNet, initialise
from pellucid.noise import Gaussian
from pellucid.operators import Identity
from pellucid.restorers import Enhancer, Shots
from pellucid.restorers.base import Moments


class Stated(Moments):
    """Takes what it is given for the mean, and states a variance."""

    def __init__(self, variance):
        super().__init__()
        self.variance = variance

    def explain(self, given, rng=None):
        moments = [given.y] if self.variance is None else [given.y, torch.full_like(given.y, self.variance)]
        return torch.stack(moments, 1)


def measured(y, noise=None):
    return Measurement(y=y, operator=Identity(), noise=noise)


@pytest.mark.parametrize(("count", "channels"), [(1, 1), (2, 1), (3, 2)])
def test_the_answer_is_the_mean_over_the_shots(count, channels, rng):
    y = torch.randn(2, count * channels, 4, 4, generator=rng)
    image, spread = Shots(Stated(None), channels).estimate(measured(y, Gaussian(1.0)))
    torch.testing.assert_close(image, y.view(2, count, channels, 4, 4).mean(1))
    assert spread is None


def test_a_single_shot_gets_the_answer_of_the_model(rng):
    y = torch.randn(2, 1, 4, 4, generator=rng)
    image, spread = Shots(Stated(4.0), 1).estimate(measured(y, Gaussian(1.0)))
    assert torch.equal(image, y)
    assert torch.equal(spread, torch.full_like(y, 2.0))


@pytest.mark.parametrize("count", [2, 4])
def test_each_answer_is_joined_with_the_shots_it_has_not_seen(count, rng):
    """The mean of the others has the noise s² / (count - 1); with v = that, prior and data weigh alike."""
    y = torch.randn(1, count, 4, 4, generator=rng)
    noise = 0.5**2 / (count - 1)
    image, spread = Shots(Stated(noise), 1).estimate(measured(y, Gaussian(0.5)))
    torch.testing.assert_close(image, y.mean(1, keepdim=True))
    torch.testing.assert_close(spread, torch.full_like(image, (noise / 2) ** 0.5))
    sure, _ = Shots(Stated(1e-9), 1).estimate(measured(y, Gaussian(0.5)))
    torch.testing.assert_close(sure, y.mean(1, keepdim=True))


def test_without_the_noise_the_answers_are_averaged(rng):
    y = torch.randn(1, 2, 4, 4, generator=rng)
    _, spread = Shots(Stated(4.0), 1).estimate(measured(y))
    assert torch.equal(spread, torch.full((1, 1, 4, 4), 2.0))


def test_its_period_is_that_of_the_model(rng):
    assert Shots(Enhancer(initialise(UNet((1, 1), features=2), rng)), 1).stride(2) == (4, 4)
