import numpy as np
import pytest
import torch
from scipy.stats import gamma, norm, poisson, rice

from pellucid.errors import InputError
from pellucid.noise import EMCCD, Gamma, Gaussian, Poisson, PoissonGaussian, Rician
from pellucid.testing import assert_normalised

MODELS = [
    Gaussian(2.0),
    Poisson(2.0, 1.0),
    PoissonGaussian(2.0, 1.0, 1.0),
    EMCCD(2.0, 1.0, 1.0),
    Gamma(3.0, 1.0),
    Rician(2.0, 1.0),
]


def test_gaussian_is_a_density(rng):
    z = torch.tensor([-3.0, 0.0, 5.0]).double()
    assert_normalised(Gaussian(2.0), z, torch.linspace(-25, 25, 2001).double(), rng)


def test_poisson_is_a_mass_on_its_grey_levels(rng):
    noise, z = Poisson(gain=2.5, offset=10.0), torch.tensor([10.5, 20.0, 110.0]).double()
    assert_normalised(noise, z, 10 + 2.5 * torch.arange(200).double(), rng, discrete=True)
    assert noise.log_prob(torch.tensor(7.5), torch.tensor(20.0)) == -torch.inf


@pytest.mark.parametrize(("gain", "offset", "sigma"), [(1.0, 0.0, 0.3), (4.0, 100.0, 6.0), (0.5, -2.0, 20.0)])
def test_poisson_gaussian_is_a_density(gain, offset, sigma, rng):
    noise = PoissonGaussian(gain, offset, sigma)
    z = offset + gain * torch.tensor([0.2, 6.0, 90.0]).double()
    grid = torch.linspace(offset - 10 * sigma, offset + gain * 200 + 10 * sigma, 6001).double()
    assert_normalised(noise, z, grid, rng)


@pytest.mark.parametrize(("rate", "s"), [(0.1, 0.3), (30, 2), (300, 3.9), (300, 5), (16, 9), (3000, 100)])
def test_poisson_gaussian_is_the_whole_sum(rate, s):
    spread = np.sqrt(rate + s**2)
    y = np.linspace(rate - 6 * spread, rate + 8 * spread, 31)
    k = np.arange(int(rate + 40 * np.sqrt(rate) + 200))
    whole = np.log(poisson.pmf(k, rate) @ norm.pdf(y, k[:, None], s))
    for dtype, tolerance in ((torch.float64, 1e-6), (torch.float32, 1e-3)):
        noise = PoissonGaussian(1.0, 0.0, torch.tensor(float(s), dtype=dtype))
        ours = noise.log_prob(torch.tensor(y, dtype=dtype), torch.tensor(float(rate), dtype=dtype))
        np.testing.assert_allclose(ours, whole, atol=tolerance)


@pytest.mark.parametrize(("gain", "offset", "sigma"), [(30.0, 100.0, 4.0), (5.0, -2.0, 3.0), (1.0, 0.0, 6.0)])
def test_emccd_is_a_density(gain, offset, sigma, rng):
    noise = EMCCD(gain, offset, sigma)
    z = offset + gain * torch.tensor([0.3, 6.0, 80.0]).double()
    grid = torch.linspace(offset - 10 * sigma, offset + gain * 250 + 10 * sigma, 12001).double()
    assert_normalised(noise, z, grid, rng)


@pytest.mark.parametrize(("rate", "s"), [(0.1, 0.05), (2.0, 0.1), (40.0, 0.5), (40.0, 20.0), (150.0, 1.0)])
def test_emccd_is_the_sum_over_photons_of_what_the_register_gives(rate, s):
    spread = np.sqrt(2 * rate + s**2)
    y = np.linspace(max(rate - 5 * spread, -3 * s), rate + 6 * spread, 9)
    k = np.arange(1, int(rate + 10 * np.sqrt(rate) + 20))
    x = (np.arange(5000) + 0.5) * (rate + 10 * spread + 20) / 5000
    register = poisson.pmf(k, rate) @ gamma.pdf(x, k[:, None])
    whole = np.exp(-rate) * norm.pdf(y, 0, s) + norm.pdf(y[:, None], x, s) @ register * (x[1] - x[0])
    ours = EMCCD(1.0, 0.0, torch.tensor(s).double()).log_prob(torch.tensor(y), torch.tensor(rate).double())
    np.testing.assert_allclose(ours.exp(), whole, rtol=1e-3, atol=1e-5 * whole.max())


@pytest.mark.parametrize("looks", [1.0, 3.5, 40.0])
def test_gamma_is_a_density(looks, rng):
    noise, z = Gamma(looks, 10.0), torch.tensor([10.5, 12.0, 40.0]).double()
    for mean in z:
        step = (mean - 10) * 8e-4
        assert_normalised(noise, mean[None], 10 + step * (0.5 + torch.arange(30_000).double()), rng)
    assert noise.log_prob(torch.tensor(9.0), torch.tensor(20.0)) == -torch.inf
    oracle = gamma.logpdf(7.0, looks, scale=10 / looks)
    assert float(noise.log_prob(torch.tensor(17.0), torch.tensor(20.0))) == pytest.approx(oracle, rel=1e-4)


def test_rician_is_a_density_with_a_mean_of_its_own(rng):
    noise, z = Rician(2.0, 1.0), torch.tensor([1.0, 1.5, 4.0, 30.0]).double()
    assert_normalised(noise, z, 1 + torch.linspace(1e-3, 60, 20_001).double(), rng)
    oracle = rice(b=np.array([0.25, 1.5, 14.5]), loc=1, scale=2)
    np.testing.assert_allclose(noise.mean(z[1:]), oracle.mean(), rtol=1e-6)
    np.testing.assert_allclose(noise.variance(z[1:]), oracle.var(), rtol=1e-5)
    np.testing.assert_allclose(noise.log_prob(torch.tensor(5.0), z[1:]), oracle.logpdf(5.0), rtol=1e-6)


@pytest.mark.parametrize("noise", MODELS, ids=lambda noise: type(noise).__name__)
def test_log_prob_has_the_right_gradient(noise):
    y, z = torch.tensor([3.0, 41.0, 9.0]).double(), torch.tensor([9.0, 30.0, 2.0]).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: noise.double().log_prob(y, z), z)


@pytest.mark.parametrize("noise", MODELS, ids=lambda noise: type(noise).__name__)
def test_rescaling_is_a_change_of_units(noise):
    y, z, offset, scale = torch.tensor([5.0, 9.0]), torch.tensor([6.0, 7.0]), 3.0, 4.0
    other = noise.rescale(offset, scale)
    jacobian = 0.0 if isinstance(noise, Poisson) else np.log(scale)
    torch.testing.assert_close(
        other.log_prob((y - offset) / scale, (z - offset) / scale), noise.log_prob(y, z) + jacobian
    )
    torch.testing.assert_close(other.variance((z - offset) / scale), noise.variance(z) / scale**2)
    torch.testing.assert_close(other.mean((z - offset) / scale), (noise.mean(z) - offset) / scale)


def test_poisson_draws_lie_on_the_lattice_and_repeat():
    noise, z = Poisson(3.0, 1.0), torch.full((1000,), 12.3, requires_grad=True)
    draws = [noise.sample(z, torch.Generator().manual_seed(4)).detach() for _ in range(2)]
    assert torch.equal(*draws)
    assert torch.equal((draws[0] - 1) % 3, torch.zeros(1000))


@pytest.mark.parametrize("make", [lambda: Gaussian(0.0), lambda: Poisson(-1.0), lambda: PoissonGaussian(1, 0, np.nan)])
def test_impossible_parameters_are_refused(make):
    with pytest.raises(InputError, match="must be a finite"):
        make()


def test_a_model_moves_with_its_parameters():
    noise = PoissonGaussian(2, 1, 3).double()
    assert {value.dtype for value in noise.state_dict().values()} == {torch.float64}
