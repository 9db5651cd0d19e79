import numpy as np
import pytest
import torch
from scipy.stats import norm, poisson

from pellucid.errors import InputError
from pellucid.noise import Gaussian, Poisson, PoissonGaussian
from pellucid.testing import assert_normalised


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


@pytest.mark.parametrize("noise", [Gaussian(2.0), Poisson(2.0, 1.0), PoissonGaussian(2.0, 1.0, 1.0)])
def test_log_prob_has_the_right_gradient(noise):
    y, z = torch.tensor([3.0, 41.0, 9.0]).double(), torch.tensor([9.0, 30.0, 2.0]).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: noise.double().log_prob(y, z), z)


@pytest.mark.parametrize("noise", [Gaussian(2.0), Poisson(2.0, 1.0), PoissonGaussian(2.0, 1.0, 1.0)])
def test_rescaling_is_a_change_of_units(noise):
    y, z, offset, scale = torch.tensor([5.0, 9.0]), torch.tensor([6.0, 7.0]), 3.0, 4.0
    other = noise.rescale(offset, scale)
    jacobian = 0.0 if isinstance(noise, Poisson) else np.log(scale)
    torch.testing.assert_close(
        other.log_prob((y - offset) / scale, (z - offset) / scale), noise.log_prob(y, z) + jacobian
    )
    torch.testing.assert_close(other.variance((z - offset) / scale), noise.variance(z) / scale**2)


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
