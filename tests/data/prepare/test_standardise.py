import pytest
import torch

from pellucid.data.prepare import Standardisation
from pellucid.noise import Gaussian, PoissonGaussian, Stabilised

NOISE = PoissonGaussian(2.0, 100.0, 3.0)


def photons(rng, count=20_000):
    """Return means between 110 and 500 and recordings of them."""
    z = 110 + 390 * torch.rand(count, generator=rng)
    return z, NOISE.sample(z, rng).detach()


@pytest.mark.parametrize("stabilise", [True, False])
def test_the_sample_gets_zero_mean_and_unit_variance(stabilise, rng):
    _, y = photons(rng)
    t = Standardisation.of(y, NOISE, stabilise=stabilise)(y)
    assert float(t.mean()) == pytest.approx(0.0, abs=1e-4)
    assert float(t.std()) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("stabilise", [True, False])
def test_the_stated_noise_is_that_of_the_standardised_data(stabilise, rng):
    z = torch.tensor([120.0, 200.0, 450.0])
    units = Standardisation.of(photons(rng)[1], NOISE, stabilise=stabilise)
    t = units(NOISE.sample(z.expand(200_000, 3), rng).detach())
    torch.testing.assert_close(units.noise.variance(t.mean(0)), t.var(0), rtol=0.03, atol=0)
    assert isinstance(units.noise, Stabilised) == stabilise


@pytest.mark.parametrize("stabilise", [True, False])
def test_the_inverse_is_unbiased(stabilise, rng):
    """It maps the mean of the standardised data, not the data, to the mean of the recorded ones."""
    z = torch.tensor([104.0, 120.0, 200.0, 450.0])
    units = Standardisation.of(photons(rng)[1], NOISE, stabilise=stabilise)
    mean = units(NOISE.sample(z.expand(400_000, 4), rng).detach()).mean(0)
    torch.testing.assert_close(units.inverse(mean), z, rtol=2e-3, atol=0.05)


def test_a_plain_standardisation_is_undone_exactly(rng):
    y = 5 + 3 * torch.randn(100, generator=rng)
    units = Standardisation.of(y, Gaussian(0.5), stabilise=False)
    torch.testing.assert_close(units.inverse(units(y)), y)
    torch.testing.assert_close(units.inverse_spread(units(y), torch.ones(100)), torch.full((100,), units.scale))


def test_a_spread_grows_with_the_slope_of_the_inverse(rng):
    units = Standardisation.of(photons(rng)[1], NOISE, stabilise=True)
    t = units(torch.tensor([150.0, 450.0]))
    spread = units.inverse_spread(t, torch.full((2,), 1 / units.scale))
    torch.testing.assert_close(spread, NOISE.variance(torch.tensor([150.0, 450.0])).sqrt(), rtol=0.03, atol=0)


def test_noise_that_is_not_known_stays_so(rng):
    y = torch.randn(100, generator=rng)
    units = Standardisation.of(y, None, stabilise=True)
    assert units.noise is None
    assert units.stabiliser is None
    torch.testing.assert_close(units.inverse(units(y)), y)


def test_constant_data_does_not_divide_by_zero():
    units = Standardisation.of(torch.full((10,), 7.0), None, stabilise=False)
    assert torch.equal(units(torch.full((3,), 7.0)), torch.zeros(3))
