import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.prepare import Standardisation
from pellucid.noise import Gaussian, PoissonGaussian
from pellucid.operators import Identity
from pellucid.restorers import PosteriorMean, Recorded
from pellucid.restorers.base import Moments, Restorer

NOISE = PoissonGaussian(2.0, 100.0, 3.0)


class Same(Restorer):
    """Gives back what it is given, and remembers it."""

    def forward(self, given, rng=None):
        self.seen = given
        return given.y

    def stride(self, dims):
        return (2,) * dims


class Prior(Moments):
    """States zero mean and unit variance in standardised units."""

    def explain(self, given, rng=None):
        return torch.stack([torch.zeros_like(given.y), torch.ones_like(given.y)], 1)


@pytest.mark.parametrize("stabilise", [True, False])
def test_the_restorer_works_in_standardised_units_and_knows_their_noise(stabilise, rng):
    y = 100 + 300 * torch.rand(1, 1, 16, 16, generator=rng)
    units = Standardisation.of(y, NOISE, stabilise=stabilise)
    restorer = Same()
    image, spread = Recorded(restorer, units).estimate(Measurement(y=y, operator=Identity(), noise=NOISE))
    torch.testing.assert_close(restorer.seen.y, units(y))
    t = torch.linspace(-1, 1, 5)
    torch.testing.assert_close(restorer.seen.noise.variance(t), units.noise.variance(t))
    torch.testing.assert_close(image, units.inverse(units(y)))
    assert spread is None


def test_the_posterior_in_recorded_units_is_the_formula(rng):
    """x ~ N(50, 10²), y = x + n with n ~ N(0, 5²): x_hat = 0.2 · 50 + 0.8 y, spread² = 20."""
    units = Standardisation(Gaussian(5.0), 50.0, 10.0, stabilise=False)
    y = 50 + 10 * torch.randn(1, 1, 8, 8, generator=rng)
    image, spread = Recorded(PosteriorMean(Prior()), units).estimate(Measurement(y=y, operator=Identity()))
    torch.testing.assert_close(image, 10.0 + 0.8 * y)
    torch.testing.assert_close(spread, torch.full_like(y, 20**0.5))


def test_an_answer_of_half_precision_is_mapped_back_in_full():
    class Half(Same):
        def forward(self, given, rng=None):
            return given.y.half()

    units = Standardisation(Gaussian(5.0), 50_000.0, 0.5, stabilise=False)
    y = torch.full((1, 1, 2, 2), 50_001.0)
    assert torch.equal(Recorded(Half(), units)(Measurement(y=y, operator=Identity())), y)


def test_its_period_is_that_of_the_restorer():
    assert Recorded(Same(), Standardisation(None, 0.0, 1.0, stabilise=False)).stride(3) == (2, 2, 2)
