import pytest
import torch
from torch import nn

from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.networks import initialise
from pellucid.objectives.denoising_score import DenoisingScore
from pellucid.operators import Identity
from pellucid.restorers.diffusion import Denoiser
from pellucid.training import Adam, Plan, fit


class Normal:
    """Draws images of independent N(0, 0.5²) pixels."""

    def draw(self, step: Step) -> Measurement:
        return Measurement(y=0.5 * torch.randn(16, 1, 8, 8, generator=step.rng), operator=Identity())


class Small(nn.Module):
    """A perceptron of each pixel and of the level."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(2, 16, 1), nn.LeakyReLU(0.1), nn.Conv2d(16, 16, 1), nn.LeakyReLU(0.1))
        self.layers.append(nn.Conv2d(16, 1, 1))

    def forward(self, x, number):
        return self.layers(torch.cat([x, number[:, :, None, None].expand_as(x)], 1))


class Told(nn.Module):
    """Remembers the levels; returns what it gets."""

    deviation = torch.tensor(2.0)

    def forward(self, x, sigma):
        self.x, self.sigma = x, sigma
        return 0.7 * x


def test_the_score_of_gaussian_data_is_learned_at_every_level(rng):
    """D(x; σ) = x d² / (d² + σ²), though the network is told another deviation."""
    model = Denoiser(initialise(Small(), rng), deviation=1.0)
    plan = Plan(steps=300, optimisers={"model": Adam(rate=1e-2)})
    fit(model, DenoisingScore(), Normal(), plan)
    for sigma in (0.1, 0.5, 2.0):
        x = (0.25 + sigma**2) ** 0.5 * torch.randn(8, 1, 32, 32, generator=rng)
        with torch.no_grad():
            found = model(x, torch.full((8,), sigma))
        exact = 0.25 / (0.25 + sigma**2) * x
        assert float((found - exact).square().mean().sqrt()) < 0.1 * 0.5


def test_levels_are_log_normal_and_one_of_each_quantile(rng):
    told, batch = Told(), Measurement(y=torch.zeros(1000, 1, 1, 1), operator=Identity())
    DenoisingScore(-0.5, 1.2).terms(told, batch, Step(0, 0.0, rng))
    log = (told.sigma / 2).log()
    assert float(log.mean()) == pytest.approx(-0.5, abs=0.01)
    assert float(log.std()) == pytest.approx(1.2, rel=0.02)
    quantiles = (torch.special.ndtr((log + 0.5) / 1.2) * 1000).floor()
    assert len(quantiles.unique()) > 990  # rounding may move some by one
    DenoisingScore(-0.5, 0.0).terms(told, batch, Step(0, 0.0, rng))
    torch.testing.assert_close(told.sigma, torch.full((1000,), 2 * 0.60653066))


def test_the_loss_of_noise_that_preserves_variance_is_the_same(rng):
    """|√(1 − a²) s(x_t) + n|² = |D − x|² / σ² at x_t = a x + √(1 − a²) n, with the score s of x_t."""
    told, x = Told(), torch.randn(50, 1, 4, 4, generator=rng, dtype=torch.float64)
    term = DenoisingScore().terms(told, Measurement(y=x, operator=Identity()), Step(0, 0.0, rng))["score"]
    sigma = told.sigma.view(-1, 1, 1, 1)
    n = (told.x - x) / sigma
    a = (1 + sigma**2) ** -0.5
    part = (1 - a**2).sqrt()
    state = a * x + part * n
    score = (a * told(state / a, told.sigma) - state) / (1 - a**2)
    loss = (part * score + n).square() * (sigma**2 + 2**2) / 2**2
    torch.testing.assert_close(term, loss.mean(), rtol=1e-3, atol=0)
