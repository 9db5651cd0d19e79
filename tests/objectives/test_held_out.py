import math

import pytest
import torch
from torch import nn

from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.source import Step
from pellucid.data.splits import BlindSpot, Grid, Repeats
from pellucid.errors import InputError
from pellucid.networks import UNet, initialise
from pellucid.noise import Gaussian
from pellucid.objectives import HeldOut, absolute, gaussian, squared
from pellucid.operators import Identity
from pellucid.restorers import Enhancer


def step(seed=0):
    return Step(0, 0.0, torch.Generator().manual_seed(seed))


def measured(y, **facts):
    return Measurement(y=y, operator=Identity(), **facts)


def noisy_pair(rng, sigma, count=24):
    """Return a smooth truth and two recordings, (count, 1, 64, 64)."""
    ramp = torch.linspace(0, 2 * math.pi, 64)
    phase = 2 * math.pi * torch.rand(count, 1, 1, 1, generator=rng)
    x = torch.sin(ramp[:, None] + phase) * torch.cos(2 * ramp)
    return x, *(x + sigma * torch.randn(x.shape, generator=rng) for _ in range(2))


def risk_and_excess(split, batch, x, model):
    """Return the self-supervised risk minus the true one over the same held pixels, and its standard error."""
    with torch.no_grad():
        given, held = split(batch, step().rng)
        error = (model(given) - x).square()
        weight = torch.ones_like(x) if held.weight is None else held.weight
        true = (error * weight).sum() / weight.sum()
        risk = HeldOut(split).terms(model, batch, step())["held_out"]
        return risk - true, (error.mean() + 1) / weight.sum().sqrt()


@pytest.mark.parametrize("sigma", [0.2, 0.7])
def test_risk_of_repeats_exceeds_the_true_risk_by_the_noise_variance(sigma, rng):
    """Survey eq. 8: E|F(y1) - y2|² = E|F(y1) - x|² + s²."""
    x, first, second = noisy_pair(rng, sigma)
    batch = Repeated(y=first, operator=Identity(), shots=(measured(first), measured(second)))
    model = Enhancer(initialise(UNet((1, 1), features=4), rng))
    excess, error = risk_and_excess(Repeats(), batch, x, model)
    assert abs(excess - sigma**2) < 5 * error * sigma


@pytest.mark.parametrize("split", [BlindSpot(0.05), Grid(4)])
def test_risk_of_hidden_pixels_exceeds_the_true_risk_by_the_noise_variance(split, rng):
    """Survey eq. 14, for a model that is given all but the held pixels."""
    x, y, _ = noisy_pair(rng, 0.5)
    model = Enhancer(initialise(UNet((1, 1), features=4), rng))
    excess, error = risk_and_excess(split, measured(y), x, model)
    assert abs(excess - 0.25) < 5 * error * 0.5


def test_risk_of_pixels_that_are_seen_does_not(rng):
    """The control: the identity explains what it sees, so its risk says nothing."""
    _, y, _ = noisy_pair(rng, 0.5, count=2)
    batch = Repeated(y=y, operator=Identity(), shots=(measured(y), measured(y)))
    assert HeldOut(Repeats()).terms(Enhancer(nn.Identity()), batch, step())["held_out"] == 0


@pytest.mark.parametrize(("distance", "statistic"), [(squared, torch.mean), (absolute, torch.median)])
def test_minimiser_of_a_distance_is_its_statistic(distance, statistic, rng):
    y = torch.rand(101, 1, 1, 1, generator=rng).square()
    held = measured(y)
    best = min(torch.linspace(0, 1, 2001), key=lambda m: float(distance(m.expand(101, 1, 1, 1, 1), held).sum()))
    torch.testing.assert_close(best, statistic(y), atol=1e-3, rtol=0)


def test_gaussian_distance_is_minus_the_log_density_of_prior_and_noise(rng):
    mean, variance, y = (torch.rand(2, 1, 3, 3, generator=rng) for _ in range(3))
    expected = -torch.distributions.Normal(mean, (variance + 0.09).sqrt()).log_prob(y)
    torch.testing.assert_close(gaussian(torch.stack([mean, variance], 1), measured(y, noise=Gaussian(0.3))), expected)


def test_gaussian_distance_needs_the_noise():
    with pytest.raises(InputError, match="noise of known strength"):
        gaussian(torch.ones(1, 2, 1, 2, 2), measured(torch.ones(1, 1, 2, 2)))


def test_only_held_pixels_count_and_as_much_as_they_weigh(rng):
    y, weight = torch.randn(2, 1, 16, 16, generator=rng), torch.rand(2, 1, 16, 16, generator=rng)
    split = BlindSpot(0.1)
    _, held = split(measured(y), step().rng)
    hidden = held.weight > 0
    model = Enhancer(nn.Conv2d(1, 1, 1))
    nn.init.zeros_(model.network.weight)
    nn.init.zeros_(model.network.bias)
    plain = HeldOut(split).terms(model, measured(y), step())["held_out"]
    torch.testing.assert_close(plain.detach(), y[hidden].square().mean())
    weighed = HeldOut(split).terms(model, measured(y, weight=weight), step())["held_out"]
    torch.testing.assert_close(weighed.detach(), (weight * y.square())[hidden].sum() / weight[hidden].sum())


def test_training_gradient_never_touches_a_hidden_value_but_as_target(rng):
    """d loss / d y_j at a held pixel is that of the distance alone: 2 (y - F) / count."""
    y = torch.randn(1, 1, 16, 16, generator=rng).requires_grad_()
    model, split = Enhancer(initialise(UNet((1, 1), features=2), rng)), Grid(4)
    HeldOut(split).terms(model, measured(y), step())["held_out"].backward()
    given, held = split(measured(y.detach()), step().rng)
    hidden = held.weight > 0
    expected = 2 * (y - model(given)).detach()[hidden] / hidden.sum()
    torch.testing.assert_close(y.grad[hidden], expected)
