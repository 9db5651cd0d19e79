import pytest
import torch

from pellucid.noise import Gaussian, PoissonGaussian, Stabilised, Stabiliser
from pellucid.testing import assert_normalised

NOISE = PoissonGaussian(2.0, 100.0, 3.0)


def test_it_is_a_density_with_the_moments_it_states(rng):
    noise = Stabilised(Stabiliser(NOISE), 20.0, 5.0).double()
    z = torch.linspace(-2, 4, 5, dtype=torch.float64)
    assert_normalised(noise, z, torch.linspace(-8, 10, 20_001, dtype=torch.float64), rng)


@pytest.mark.parametrize("photons", [0.5, 5.0, 100.0])
def test_its_variance_is_that_of_stabilised_data(photons, rng):
    stabiliser = Stabiliser(NOISE)
    noise = Stabilised(stabiliser, 7.0, 4.0)
    y = NOISE.sample(torch.full((400_000,), 100 + 2 * photons), rng).detach()
    t = (stabiliser(y) - 7.0) / 4.0
    torch.testing.assert_close(noise.variance(t.mean()[None])[0], t.var(), rtol=0.02, atol=0)


def test_gaussian_noise_is_of_unit_strength_over_the_scale():
    noise = Stabilised(Stabiliser(Gaussian(3.0)), 1.0, 4.0)
    torch.testing.assert_close(noise.variance(torch.linspace(-9, 9, 5)), torch.full((5,), 1 / 16))


def test_rescaling_twice_is_rescaling_once(rng):
    noise = Stabilised(Stabiliser(NOISE), 7.0, 4.0)
    again = noise.rescale(0.5, 2.0)
    t = torch.linspace(-1.5, 3, 9)
    torch.testing.assert_close(again.variance((t - 0.5) / 2.0), noise.variance(t) / 4)
    y = t + 0.1
    torch.testing.assert_close(
        again.log_prob((y - 0.5) / 2.0, (t - 0.5) / 2.0), noise.log_prob(y, t) + torch.tensor(2.0).log()
    )
