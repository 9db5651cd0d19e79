import pytest
import torch
from torch import nn

from pellucid.data.measurement import Measurement
from pellucid.methods.generate.ambient_gan import Measured, ambient_gan
from pellucid.networks import initialise
from pellucid.noise import Gaussian
from pellucid.objectives.adversarial import StatisticalDistance
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.operators import Blur, Diagonal, Identity
from pellucid.operators.random import DroppedPixels, Known, RandomViews
from pellucid.restorers.generator import Pushforward
from pellucid.training import Adam, Plan, fit

MEAN, ROOT = torch.tensor([1.0, -0.5]), torch.tensor([[0.8, 0.0], [0.6, 0.5]])
DROP = DroppedPixels((2,), 0.5)


class HalfPixels:
    """Pairs of correlated pixels, half of which are zero."""

    def draw(self, step):
        x = (MEAN + torch.randn(256, 2, generator=step.rng) @ ROOT.T).unsqueeze(1)
        return Measurement(y=DROP.draw(256, step.rng)(x), operator=Identity())


def learned(made):
    """Return mean and covariance of the affine generator that explains the pairs."""
    rng = torch.Generator().manual_seed(0)
    model = Pushforward(nn.Sequential(nn.Linear(2, 2), nn.Unflatten(1, (1, 2))), 2)
    initialise(model, rng)
    layers = [nn.Flatten(), nn.Linear(2, 32), nn.LeakyReLU(0.1), nn.Linear(32, 32), nn.LeakyReLU(0.1)]
    critic = initialise(nn.Sequential(*layers, nn.Linear(32, 1)), rng)
    objective = StatisticalDistance(critic, made, DIVERGENCES["wasserstein"], penalty=1.0, moves=3)
    adam = Adam(rate=1e-2, betas=(0.5, 0.9))
    fit(model, objective, HalfPixels(), Plan(steps=400, optimisers={"model": adam, "critic": adam}, averaging=0.99))
    weight, bias = (p.detach() for p in model.parameters())
    return bias, weight @ weight.T


def test_the_images_are_learned_though_half_of_their_pixels_are_not_seen():
    """Drops of known probability lose no distribution: E y_i = E x_i / 2, E y_i y_j = E x_i x_j / 4."""
    mean, covariance = learned(Measured(DROP))
    torch.testing.assert_close(mean, MEAN, atol=0.2, rtol=0)
    torch.testing.assert_close(covariance, ROOT @ ROOT.T, atol=0.2, rtol=0)


def test_a_generator_that_ignores_the_drops_learns_the_measurements():
    mean, _ = learned(lambda model, batch, rng: model.sample(len(batch.y), rng))
    torch.testing.assert_close(mean, MEAN / 2, atol=0.15, rtol=0)


def test_draws_are_measured_as_the_data_were(rng):
    """A blur that moves by one pixel, and noise."""
    model = Pushforward(nn.Sequential(nn.Linear(2, 5), nn.Unflatten(1, (1, 5))), 2)
    made = Measured(Known(Blur(torch.tensor([[[0.0, 0.0, 1.0]]]))), Gaussian(0.5))
    batch = Measurement(y=torch.zeros(20_000, 1, 5), operator=Identity())
    y = made(model, batch, rng)[:, 0]
    weight, bias = model.network[0].weight.roll(1, 0), model.network[0].bias.roll(1)
    torch.testing.assert_close(y.mean(0), bias, atol=0.04, rtol=0)
    torch.testing.assert_close(y.T.cov(), weight @ weight.T + 0.25 * torch.eye(5), atol=0.05, rtol=0)


def test_what_a_critic_cannot_see_is_little_at_first(rng):
    """Behind a blur the fine waves of the draws stay as they start: small beside images, which are of order one."""
    model = ambient_gan((1, 16, 16), rng, instrument=DroppedPixels((16, 16), 0.5)).model
    with torch.no_grad():
        assert 0.05 < float(model.sample(256, rng).std()) < 0.3


def test_where_nothing_is_seen_the_critic_judges_noise_of_the_given_strength(rng):
    method = ambient_gan((1, 8, 8), rng, instrument=Known(Diagonal(torch.tensor(0.0))), noise=Gaussian(0.01))
    y = method.objective.made(method.model, Measurement(y=torch.zeros(200, 1, 8, 8), operator=Identity()), rng)
    assert y.std().item() == pytest.approx(0.01, rel=0.03)


class Bright:
    """Images around one, each seen through an instrument of its own."""

    def __init__(self, instrument):
        self.instrument = instrument

    def draw(self, step):
        x = 1 + 0.3 * torch.randn(16, 1, 8, 8, generator=step.rng)
        return Measurement(y=self.instrument.draw(16, step.rng)(x), operator=Identity())


@pytest.mark.parametrize(
    ("instrument", "measured"), [(DroppedPixels((8, 8), 0.5), None), (RandomViews((8, 8)), (3, 12))]
)
def test_the_method_comes_nearer_to_images_that_it_never_sees(instrument, measured, rng):
    method = ambient_gan((1, 8, 8), rng, instrument=instrument, measured=measured)

    def off():
        with torch.no_grad():
            return float((method.model.sample(256, torch.Generator().manual_seed(1)).mean(0) - 1).square().mean())

    before = off()
    fit(method.model, method.objective, Bright(instrument), Plan(steps=50, optimisers=method.optimisers))
    assert off() < 0.7 * before
