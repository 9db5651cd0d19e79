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


def test_the_score_of_gaussian_data_is_learned_at_every_level(rng):
    """D(x; σ) = x d² / (d² + σ²), though the network is told another deviation."""
    network = nn.Sequential(nn.Conv2d(2, 16, 1), nn.LeakyReLU(0.1), nn.Conv2d(16, 16, 1), nn.LeakyReLU(0.1))
    network.append(nn.Conv2d(16, 1, 1))
    model = Denoiser(initialise(network, rng), deviation=1.0)
    plan = Plan(steps=300, optimisers={"model": Adam(rate=1e-2)})
    fit(model, DenoisingScore(3.0, 0.05), Normal(), plan)
    for sigma in (0.1, 0.5, 2.0):
        x = (0.25 + sigma**2) ** 0.5 * torch.randn(8, 1, 32, 32, generator=rng)
        with torch.no_grad():
            found = model(x, torch.full((8,), sigma))
        exact = 0.25 / (0.25 + sigma**2) * x
        assert float((found - exact).square().mean().sqrt()) < 0.1 * 0.5
