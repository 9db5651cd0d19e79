import pytest
import torch

from pellucid.noise import Gaussian, Poisson, PoissonGaussian, Stabiliser

MODELS = [
    PoissonGaussian(1.0, 0.0, 0.3),
    PoissonGaussian(2.5, 100.0, 5.0),
    PoissonGaussian(0.01, -4.0, 1.0),
    PoissonGaussian(20.0, 3.4, 0.5),
    Poisson(3.0, 10.0),
]
COUNTS = torch.tensor([0.05, 0.5, 1.0, 3.0, 10.0, 100.0, 900.0, 2000.0]).double()


def expectation(noise, f, count):
    """Return mean and standard deviation of f(y), exactly: no draws."""
    k = torch.arange(int(count + 12 * count**0.5 + 30)).double()
    n = torch.linspace(-9, 9, 1201).double()
    mass = torch.distributions.Poisson(count).log_prob(k).exp()[:, None] * torch.exp(-0.5 * n**2)
    values = f(noise.offset + noise.gain * k[:, None] + getattr(noise, "sigma", 0.0) * n)
    mean = (mass * values).sum() / mass.sum()
    return mean, ((mass * (values - mean) ** 2).sum() / mass.sum()).sqrt()


@pytest.mark.parametrize("noise", MODELS, ids=str)
def test_the_noise_becomes_one_and_the_inverse_is_unbiased(noise):
    f = Stabiliser(noise).double()
    for count in COUNTS:
        mean, deviation = expectation(noise, f, count)
        z = noise.offset + noise.gain * count
        assert abs(f.inverse(mean) - z) < 2e-3 * noise.variance(z).sqrt()
        assert abs(f.deviation(mean) - deviation) < 2e-3
        if count >= 3:
            assert abs(deviation - 1) < 0.04


def test_the_plain_inverse_would_be_biased():
    noise = Poisson(1.0)
    f = Stabiliser(noise).double()
    mean, _ = expectation(noise, f, torch.tensor(1.0).double())
    algebraic = mean * f.floor + f.gain * mean**2 / 4
    assert algebraic < 0.9


def test_gaussian_noise_is_only_scaled():
    y = torch.linspace(-5, 5, 11)
    f = Stabiliser(Gaussian(2.0))
    torch.testing.assert_close(f(y), y / 2)
    torch.testing.assert_close(f.inverse(f(y)), y)
    assert torch.equal(f.deviation(y), torch.ones_like(y))


@pytest.mark.parametrize("noise", MODELS, ids=str)
def test_the_inverse_rises_without_a_break_everywhere(noise):
    f = Stabiliser(noise).double()
    d = torch.linspace(float(f.lowest) - 20, float(f.lowest) + 200, 100_001).double()
    steps = f.inverse(d).diff()
    assert (steps > 0).all()
    assert steps.max() < 1.01 * steps[-100:].max()


def test_the_units_do_not_matter():
    noise, y = PoissonGaussian(2.0, 5.0, 3.0), torch.linspace(0, 300, 50)
    f, g = Stabiliser(noise), Stabiliser(noise.rescale(40.0, 7.0))
    torch.testing.assert_close(f(y), g((y - 40) / 7), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(f.inverse(f(y)), g.inverse(g((y - 40) / 7)) * 7 + 40, rtol=1e-4, atol=1e-3)


def test_both_directions_carry_gradients():
    f = Stabiliser(MODELS[1]).double()
    y = torch.tensor([90.0, 130.0, 1000.0]).double().requires_grad_()
    assert torch.autograd.gradcheck(f, y)
    d = torch.tensor([-3.0, 1.234, 20.5, 90.0]).double().requires_grad_()
    assert torch.autograd.gradcheck(f.inverse, d)
