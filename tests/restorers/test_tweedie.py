"""Known priors, for which both the score of the data and the posterior are known."""

import pytest
import torch
from torch import digamma

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.noise import Gamma, Gaussian, Poisson, PoissonGaussian
from pellucid.operators import Identity
from pellucid.restorers import Regularised
from pellucid.restorers.tweedie import Score, Tweedie

LOW, HIGH, ODDS = 2.0, 5.0, 0.3  # a prior of two values, the second with this chance


def estimate(noise, y, score, **given):
    """Return Tweedie's estimate for values y, given their score as a function."""
    image = y.view(1, 1, 1, -1)
    restorer = Tweedie(Regularised(lambda given, _: score(given.y), 0.0), **given)
    return restorer(Measurement(y=image, operator=Identity(), noise=noise)).flatten()


def densities(noise, y):
    """Return the density of y with each of the two values."""
    low, high = (noise.log_prob(y, torch.full_like(y, x)).exp() for x in (LOW, HIGH))
    return (1 - ODDS) * low, ODDS * high


def score_of(noise):
    """Return the score under the prior of two values."""

    def score(y):
        y = y.detach().requires_grad_()
        return torch.autograd.grad(sum(densities(noise, y)).log().sum(), y)[0]

    return score


def mean_of(noise, y):
    low, high = densities(noise, y)
    return (LOW * low + HIGH * high) / (low + high)


def test_gaussian_noise_gives_the_posterior_mean():
    noise, y = Gaussian(1.3).double(), torch.linspace(-2, 9, 50, dtype=torch.float64)
    torch.testing.assert_close(estimate(noise, y, score_of(noise)), mean_of(noise, y))


@pytest.mark.parametrize("gain", [0.3, 1.0])
def test_poisson_gaussian_noise_gives_the_posterior_mean(gain):
    noise, y = PoissonGaussian(gain, -1.0, 1.2).double(), torch.linspace(-2, 9, 50, dtype=torch.float64)
    torch.testing.assert_close(estimate(noise, y, score_of(noise)), mean_of(noise, y), atol=0.02, rtol=0)


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (0.4, 3.0)])
def test_photons_of_a_gamma_prior(gain, offset):
    """The posterior is Gamma(a + k, b + 1): Robbins gives its mean, the paper's formula nearly its geometric mean."""
    a, b, k = 2.5, 0.4, torch.arange(12, dtype=torch.float64)

    def score(y):
        k = (y - offset) / gain
        return (digamma(k + a) - digamma(k + 1) - torch.log(torch.tensor(1 + b))) / gain

    noise, y = Poisson(gain, offset).double(), offset + gain * k
    exact, exponential = ((estimate(noise, y, score, formula=f) - offset) / gain for f in ("exact", "exponential"))
    mean, geometric = (a + k) / (b + 1), digamma(a + k).exp() / (b + 1)
    torch.testing.assert_close(
        exact[1:], mean[1:], rtol=0.01, atol=0
    )  # of no photons it is 3 percent: the midpoint rule
    torch.testing.assert_close(exponential[1:], geometric[1:], rtol=0.02, atol=0)
    assert (exponential < geometric).all()
    assert (geometric < 0.99 * exact)[:8].all()


@pytest.mark.parametrize("looks", [4.0, 50.0])
def test_gamma_noise_of_an_inverse_gamma_prior_gives_the_harmonic_mean(looks):
    """The posterior of Gamma noise is InverseGamma(a + k, b + k y), of mean (b + k y) / (a + k - 1)."""
    a, b, y = 3.0, 5.0, torch.linspace(0.2, 9, 40, dtype=torch.float64)

    def score(y):
        return (looks - 1) / y - looks * (a + looks) / (b + looks * y)

    found = estimate(Gamma(looks).double(), y, score)
    torch.testing.assert_close(found, (b + looks * y) / (a + looks))
    assert (found < (b + looks * y) / (a + looks - 1)).all()


@pytest.mark.parametrize("formula", ["exact", "exponential"])
@pytest.mark.parametrize("noise", [Poisson(2.0), PoissonGaussian(2.0, 0.0, 1.0), Gamma(0.5)])
def test_a_wild_score_gives_finite_values(noise, formula):
    y = torch.linspace(0, 9, 40)
    for wild in (1e8, -1e8):
        found = estimate(noise, y, lambda y, wild=wild: torch.full_like(y, wild), formula=formula)
        assert found.isfinite().all()


def test_the_score_is_what_the_network_takes_away_over_the_variance(rng):
    y = torch.randn(1, 1, 8, 8, generator=rng)
    half = Regularised(lambda given, strength: strength * given.y, 0.5)
    given = Measurement(y=y, operator=Identity(), noise=Gaussian(0.5))
    torch.testing.assert_close(Score(half)(given), -0.5 * y / 0.25)
    torch.testing.assert_close(Tweedie(Score(half))(given), 0.5 * y)


def test_the_strength_of_noise_is_that_of_the_surroundings(rng):
    """One bright pixel does not make its own noise strong."""
    y = torch.zeros(1, 1, 16, 16)
    y[..., 8, 8] = 10.0
    given = Measurement(y=y, operator=Identity(), noise=PoissonGaussian(1.0, 0.0, 0.5))
    score = Score(Regularised(lambda given, _: torch.zeros_like(given.y), 0.0))(given)
    assert float(score[..., 8, 8]) == pytest.approx(-10 / (10 / 25 + 0.25))


def test_noise_of_unknown_strength_is_refused():
    with pytest.raises(InputError, match="where the noise is known"):
        estimate(None, torch.zeros(4), torch.zeros_like)
