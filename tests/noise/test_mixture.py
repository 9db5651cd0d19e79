import numpy as np
import pytest
import torch
from scipy.stats import norm, poisson

from pellucid.errors import InputError
from pellucid.noise import Gaussian, Mixture, PoissonGaussian
from pellucid.testing import assert_normalised

SKEWED = Mixture(
    10.0,
    50.0,
    torch.tensor([2.0, 5.0]),
    torch.tensor([[[0.5, 0.0], [0.0, 1.0]], [[-0.5, 0.3], [1.0, 0.6]], [[-1.0, 0.0], [0.5, -0.4]]]),
    0.01,
).double()


def drawn(noise, low, high, rng, count=100_000):
    z = low + (high - low) * torch.rand(count, generator=rng)
    return z, noise.sample(z, rng)


def test_a_mixture_is_a_density_of_zero_mean(rng):
    z = torch.tensor([5.0, 10.0, 23.0, 49.0, 60.0]).double()
    assert_normalised(SKEWED, z, torch.linspace(-60, 120, 20_001, dtype=torch.float64), rng)


def test_the_gradient_and_the_units_are_right():
    y, z = torch.tensor([9.0, 30.0, 41.0]).double(), torch.tensor([11.0, 33.0, 44.0]).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: SKEWED.log_prob(y, z), z)
    other = SKEWED.rescale(3.0, 4.0)
    torch.testing.assert_close(other.log_prob((y - 3) / 4, (z - 3) / 4), SKEWED.log_prob(y, z) + np.log(4))
    torch.testing.assert_close(other.variance((z - 3) / 4), SKEWED.variance(z) / 16)


def test_a_fit_finds_photons_and_their_detector(rng):
    """Mean log density within 0.004 nat of the true one, variance within 5 %, and skewed as photons are."""
    noise = PoissonGaussian(4.0, 100.0, 6.0)
    fitted = Mixture.fit(*drawn(noise, 104.0, 200.0, rng))
    z, y = drawn(noise, 104.0, 200.0, rng, 20_000)
    loss = (noise.double().log_prob(y.double(), z.double()) - fitted.log_prob(y, z)).mean()
    assert 0 < float(loss) < 0.004
    at = torch.tensor([110.0, 150.0, 190.0])
    torch.testing.assert_close(fitted.variance(at), noise.float().variance(at), rtol=0.05, atol=0)
    normal = norm.logpdf(y.numpy(), z.numpy(), noise.variance(z).sqrt().numpy())
    assert fitted.log_prob(y, z).mean() > normal.mean() + 0.002


def test_noise_of_one_strength_is_found_too(rng):
    fitted = Mixture.fit(*drawn(Gaussian(3.0), -20.0, 20.0, rng, 30_000))
    assert float(fitted.variance(torch.tensor(5.0))) == pytest.approx(9.0, rel=0.05)
    assert fitted.log_prob(torch.tensor(5.0), torch.tensor(5.0)) == pytest.approx(norm.logpdf(0, 0, 3), abs=0.05)


def test_no_component_collapses_onto_a_grey_level(rng):
    """Counts of few photons lie on a lattice: without a least variance their density would be infinite there."""
    z = 0.2 + 2 * torch.rand(20_000, generator=rng)
    y = torch.poisson(z, generator=rng)
    fitted = Mixture.fit(z, y)
    _, _, variance = fitted._components(z)
    assert variance.min() >= fitted.least_variance > 0
    assert float(fitted.log_prob(torch.zeros(1), torch.ones(1)).exp()) < 4 * poisson.pmf(0, 1)


def test_what_shows_no_noise_is_refused(rng):
    with pytest.raises(InputError, match="1000 noisy values or more, but 0 came"):
        Mixture.fit(torch.arange(5000.0), torch.arange(5000.0))
    with pytest.raises(InputError, match="1000 noisy values or more, but 20 came"):
        Mixture.fit(torch.zeros(20), torch.ones(20))
    with pytest.raises(InputError, match="signals of several strengths, but all are 5"):
        Mixture.fit(torch.full((2000,), 5.0), torch.randn(2000, generator=rng))


def test_the_start_is_standard_normal():
    noise, y = Mixture.normal(), torch.tensor([-1.0, 0.5])
    torch.testing.assert_close(noise.log_prob(y, torch.zeros(2)), torch.distributions.Normal(0.0, 1.0).log_prob(y))
