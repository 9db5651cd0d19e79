import pytest
import torch
import torch.nn.functional as F

from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.noise import Gaussian
from pellucid.objectives import Sure
from pellucid.operators import Identity
from pellucid.restorers import Regularised


def smooth(given, strength):
    return F.avg_pool2d(torch.tanh(given.y), 3, 1, 1)


def terms(y, weight=None, noise=None, seed=0):
    batch = Measurement(y=y, operator=Identity(), weight=weight, noise=noise)
    return Sure().terms(Regularised(smooth, 0.0), batch, Step(0, 0.0, torch.Generator().manual_seed(seed)))["stein"]


@pytest.mark.parametrize("weighted", [False, True])
def test_the_mean_is_the_error_and_the_noise(weighted, rng):
    """E (F(y) - y)² + 2 s² F' = E (F(y) - x)² + s², for a nonlinear F, within four standard errors."""
    x, noise = torch.sin(torch.linspace(0, 9, 48)).expand(1, 1, 48, 48), Gaussian(0.5)
    weight = (torch.rand(x.shape, generator=rng) < 0.2) if weighted else None
    found, excess = [], []
    for seed in range(100):
        y = noise.sample(x, rng)
        counted = torch.ones_like(x, dtype=torch.bool) if weight is None else weight
        true = (smooth(Measurement(y=y, operator=Identity()), 0.0) - x).square()[counted].mean() + 0.25
        found.append(terms(y, weight, noise, seed))
        excess.append(found[-1] - true)
    excess = torch.stack(excess)
    assert excess.mean().abs() < 4 * excess.std() / 10
    assert excess.std() / 10 < 0.01


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
