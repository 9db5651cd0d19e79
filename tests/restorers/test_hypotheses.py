import pytest
import torch
from torch import nn

from pellucid.data.measurement import Measurement
from pellucid.noise import Gaussian, Histogram, Mixture, PoissonGaussian
from pellucid.operators import Identity
from pellucid.restoration import restore
from pellucid.restorers.hypotheses import Hypotheses


class Given(nn.Module):
    """Answers with these hypotheses, whatever the data."""

    def __init__(self, hypotheses):
        super().__init__()
        self.hypotheses = hypotheses

    def forward(self, y):
        return self.hypotheses


def given(y) -> Measurement:
    return Measurement(y=y, operator=Identity())


def test_draws_of_a_known_prior_give_the_exact_posterior(rng):
    """Prior N(1, 2²), noise N(0, 1.5²): mean (1.5² + 4 y) / 6.25 and variance 9 / 6.25, within 5 standard errors."""
    y, count = torch.tensor([-3.0, 0.0, 1.5, 6.0]).view(1, 1, 1, 4), 20_000
    draws = 1 + 2 * torch.randn(1, count, 1, 4, generator=rng)
    image, spread = Hypotheses(Given(draws), count, Gaussian(1.5)).estimate(given(y))
    expected = (1.5**2 + 4 * y) / 6.25
    assert ((image - expected).abs() < 5 * 3 / count**0.5).all()
    torch.testing.assert_close(spread, torch.full_like(spread, (9 / 6.25) ** 0.5), rtol=0.05, atol=0)


def test_few_levels_give_bayes_rule_for_any_noise():
    levels, y = torch.tensor([0.0, 1.0, 4.0]), torch.tensor([[[[0.4, 3.0]]]])
    for noise in (
        Gaussian(0.7),
        PoissonGaussian(0.5, -1.0, 0.3),
        Mixture.normal(),
        Histogram.blank().rescale(0.5, 0.1),
    ):
        image, spread = Hypotheses(Given(levels.view(1, 3, 1, 1).expand(1, 3, 1, 2)), 3, noise).estimate(given(y))
        for i in range(2):
            weight = noise.log_prob(y[0, 0, 0, i].expand(3), levels).exp()
            mean = (weight * levels).sum() / weight.sum()
            variance = (weight * (levels - mean) ** 2).sum() / weight.sum()
            torch.testing.assert_close(image[0, 0, 0, i], mean)
            torch.testing.assert_close(spread[0, 0, 0, i] ** 2, variance)


def test_the_prior_mean_does_not_weigh_what_was_recorded():
    levels = torch.tensor([0.0, 1.0, 5.0]).view(1, 3, 1, 1)
    prior = Hypotheses(Given(levels), 3, Gaussian(0.1), weighed=False)
    for y in (0.0, 5.0):
        image, spread = prior.estimate(given(torch.full((1, 1, 1, 1), y)))
        assert image.item() == pytest.approx(2)
        assert spread.item() == pytest.approx((14 / 3) ** 0.5)


def test_a_value_that_no_hypothesis_explains_goes_to_the_nearest():
    levels = torch.tensor([0.0, 1.0, 4.0]).view(1, 3, 1, 1)
    image, spread = Hypotheses(Given(levels), 3, Gaussian(1e-3)).estimate(given(torch.full((1, 1, 1, 1), 90.0)))
    assert (image.item(), spread.item()) == (4, 0)


@pytest.mark.parametrize("noise", [Gaussian(1.0), Mixture.normal(), Histogram.blank().rescale(0.5, 0.1)])
@pytest.mark.parametrize("weighed", [True, False])
def test_it_is_restored_in_tiles_and_marks_what_a_missing_value_touches(noise, weighed, rng):
    network = nn.Conv2d(1, 5, 3, padding=1)
    model = Hypotheses(network, 5, noise, weighed=weighed)
    y = torch.randn(1, 1, 70, 45, generator=rng)
    found = restore(given(y), model)
    assert found.provenance["halo"] == (1, 1)
    with torch.no_grad():
        image, spread = model.estimate(given(y))
    torch.testing.assert_close(found.image[..., 1:-1, 1:-1], image[..., 1:-1, 1:-1])
    torch.testing.assert_close(found.spread[..., 1:-1, 1:-1], spread[..., 1:-1, 1:-1])
    assert model.stride(2) == (1, 1)


def test_channels_have_hypotheses_of_their_own(rng):
    model = Hypotheses(nn.Conv2d(2, 6, 1), 3, Gaussian(1.0))
    y = torch.randn(1, 2, 4, 4, generator=rng)
    assert model.explain(given(y)).shape == (1, 3, 2, 4, 4)
    assert model(given(y)).shape == y.shape
