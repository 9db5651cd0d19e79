import pytest
import torch
import torch.nn.functional as F

from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.noise import Gaussian, Poisson, PoissonGaussian
from pellucid.objectives import Sure
from pellucid.operators import Identity
from pellucid.restorers import Regularised


def smooth(given, strength):
    return F.avg_pool2d(torch.tanh(given.y), 3, 1, 1)


def terms(y, weight=None, noise=None, seed=0, restore=smooth):
    batch = Measurement(y=y, operator=Identity(), weight=weight, noise=noise)
    return Sure().terms(Regularised(restore, 0.0), batch, Step(0, 0.0, torch.Generator().manual_seed(seed)))["stein"]


def excess(noise, rng, weight=None, restore=smooth, count=100):
    """Return by how much the estimate exceeds the true error and the noise variance, and the error of that mean."""
    x = 2 + torch.sin(torch.linspace(0, 9, 48)).expand(1, 1, 48, 48)
    counted = torch.ones_like(x, dtype=torch.bool) if weight is None else weight
    found = []
    for seed in range(count):
        y = noise.sample(x, rng)
        true = (restore(Measurement(y=y, operator=Identity()), 0.0) - x).square() + noise.variance(x)
        found.append(terms(y, weight, noise, seed, restore) - true[counted].mean())
    found = torch.stack(found)
    return found.mean(), found.std() / count**0.5


@pytest.mark.parametrize("weighted", [False, True])
def test_the_mean_is_the_error_and_the_noise(weighted, rng):
    """E (F(y) - y)² + 2 s² F' = E (F(y) - x)² + s², for a nonlinear F, within four standard errors."""
    weight = (torch.rand(1, 1, 48, 48, generator=rng) < 0.2) if weighted else None
    mean, error = excess(Gaussian(0.5), rng, weight)
    assert mean.abs() < 4 * error
    assert error < 0.01


LINEAR = [Poisson(1.5), Poisson(0.7, 1.0), PoissonGaussian(0.7, 0.9, 0.8), PoissonGaussian(0.3, 1.0, 1.0)]


@pytest.mark.parametrize("noise", LINEAR)
def test_for_photons_too_where_the_restorer_is_linear(noise, rng):
    """However few the photons are; the last recording is partly darker than dark."""
    mean, error = excess(noise, rng, restore=lambda given, _: F.avg_pool2d(given.y, 3, 1, 1) / 2 + 1)
    assert mean.abs() < 4 * error
    assert error < 0.02


@pytest.mark.parametrize("noise", [Poisson(0.05), PoissonGaussian(0.05, 0.5, 0.3)])
def test_for_photons_of_small_gain_where_it_is_not(noise, rng):
    mean, error = excess(noise, rng)
    assert mean.abs() < 4 * error
    assert error < 0.01


def test_what_is_left_out_is_of_second_order_in_the_gain(rng):
    """Of F(y) = y² / 4 the estimate lacks gain (gain x + 2 sigma²) F'' = gain² x / 2."""
    gain = 1.0
    mean, error = excess(Poisson(gain), rng, restore=lambda given, _: given.y.square() / 4, count=400)
    x = 2 + torch.sin(torch.linspace(0, 9, 48)).mean()
    assert float(mean) == pytest.approx(gain**2 * float(x) / 2, abs=4 * float(error))


def test_entries_without_weight_are_no_targets(rng):
    """Where F ignores its input, values without weight change nothing."""
    y, weight = torch.randn(1, 1, 16, 16, generator=rng), torch.rand(1, 1, 16, 16, generator=rng) < 0.5
    blank = Regularised(lambda given, strength: torch.zeros_like(given.y), 0.0)

    def loss(y):
        batch = Measurement(y=y, operator=Identity(), weight=weight, noise=Gaussian(1.0))
        return Sure().terms(blank, batch, Step(0, 0.0, torch.Generator().manual_seed(0)))["stein"]

    assert loss(torch.where(weight, y, 9.0)) == loss(y)
    assert loss(y) == y[weight].square().mean()


def test_noise_of_unknown_strength_is_refused():
    with pytest.raises(InputError, match="needs to know how strong the noise is"):
        terms(torch.zeros(1, 1, 8, 8))
