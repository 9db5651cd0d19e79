import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.recorruption import Recorruption
from pellucid.errors import InputError
from pellucid.noise import Gamma, Gaussian, Poisson, PoissonGaussian
from pellucid.operators import Identity

EXACT = [Gaussian(0.7), Poisson(0.4, -1.0), Gamma(3.0, 0.5)]
X = 3.0


def pair(noise, alpha, rng, count=200_000):
    """Return the recording and both parts, less x."""
    y = noise.sample(torch.full((1, 1, count), X), rng)
    given, held = Recorruption(alpha)(Measurement(y=y, operator=Identity(), noise=noise), rng)
    return y - X, given.y - X, held.y - X


def is_zero(sample):
    assert sample.mean().abs() < 4 * sample.std() / sample.numel() ** 0.5


@pytest.mark.parametrize("alpha", [0.15, 0.5])
@pytest.mark.parametrize("noise", [*EXACT, PoissonGaussian(0.4, -1.0, 0.6)], ids=lambda n: type(n).__name__)
def test_both_parts_show_x_and_their_noise_is_uncorrelated(noise, alpha, rng):
    y, first, second = pair(noise, alpha, rng)
    variance = float(noise.variance(torch.tensor(X)))
    for sample in (first, second, first * second):
        is_zero(sample)
    is_zero(first.square() - variance / (1 - alpha))
    is_zero(second.square() - variance / alpha)
    torch.testing.assert_close((1 - alpha) * first + alpha * second, y, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("noise", EXACT, ids=lambda n: type(n).__name__)
def test_where_the_noise_has_its_own_formula_the_parts_are_independent(noise, rng):
    """No function of one is correlated with a function of the other."""
    _, first, second = pair(noise, 0.3, rng)
    for f in (torch.square, torch.abs, torch.sin, lambda t: t**3):
        for g in (torch.square, torch.cos):
            a, b = f(first), g(second)
            is_zero((a - a.mean()) * (b - b.mean()))


@pytest.mark.parametrize("noise", [*EXACT, PoissonGaussian(0.4, -1.0, 0.6)], ids=lambda n: type(n).__name__)
def test_each_part_knows_its_noise(noise, rng):
    y = torch.full((1, 1, 200), X)
    parts = Recorruption(0.2)(Measurement(y=y, operator=Identity(), noise=noise), rng)
    for part, share in zip(parts, (0.8, 0.2), strict=True):
        torch.testing.assert_close(part.noise.variance(y), noise.variance(y) / share)
        torch.testing.assert_close(part.noise.rescale(1.0, 2.0).variance((y - 1) / 2), noise.variance(y) / share / 4)
    many = torch.full((100_000,), X)
    drawn = part.noise.sample(many, rng)
    entropy = 0.5 * torch.log(2 * torch.pi * torch.e * part.noise.variance(many[0]))
    is_zero(drawn - X)
    is_zero((drawn - X).square() - part.noise.variance(many))
    is_zero(part.noise.log_prob(drawn, many) + entropy)


def test_only_what_is_held_has_the_weight(rng):
    y, weight = torch.randn(2, 1, 8, 8, generator=rng), torch.rand(2, 1, 8, 8, generator=rng) < 0.5
    given, held = Recorruption()(Measurement(y=y, operator=Identity(), weight=weight, noise=Gaussian(1.0)), rng)
    assert given.weight is None
    assert held.weight is weight


@pytest.mark.parametrize("noise", [*EXACT, PoissonGaussian(0.4, -1.0, 0.6)], ids=lambda n: type(n).__name__)
def test_nan_stays_where_it_is(noise, rng):
    y = torch.full((1, 1, 4, 4), X)
    y[..., 1, 2] = torch.nan
    given, _ = Recorruption()(Measurement(y=y, operator=Identity(), noise=noise), rng)
    assert torch.equal(given.y.isnan(), y.isnan())


def test_what_cannot_be_recorrupted_is_refused(rng):
    with pytest.raises(InputError, match="no noise model"):
        Recorruption()(Measurement(y=torch.zeros(1, 1, 4, 4), operator=Identity()), rng)
    with pytest.raises(InputError, match="between 0 and 1, not 1"):
        Recorruption(1.0)
