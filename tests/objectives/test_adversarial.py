import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import linprog
from torch import nn

from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.networks import initialise
from pellucid.objectives.adversarial import StatisticalDistance, gradient_penalty
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.operators import Identity
from pellucid.training import Adam, Plan, fit


class Gaussians:
    """Draws 256 numbers of N(mean, 1)."""

    def __init__(self, mean):
        self.mean = mean

    def draw(self, step: Step) -> Measurement:
        y = self.mean + torch.randn(256, 1, generator=step.rng)
        return Measurement(y=y, operator=Identity())


class Shift(nn.Module):
    def __init__(self, learned=True):
        super().__init__()
        self.by = nn.Parameter(torch.zeros(1), requires_grad=learned)


def made(model, batch, rng):
    return torch.randn(batch.y.shape, generator=rng) + model.by


def critic(rng):
    return initialise(nn.Sequential(nn.Linear(1, 16), nn.LeakyReLU(0.1), nn.Linear(16, 1)), rng)


@pytest.mark.parametrize("shape", [(3, 2, 5, 4), (3, 1, 4, 3, 2)])
def test_the_penalty_of_a_linear_critic_is_exact(shape, rng):
    slope = torch.randn(shape[1:], generator=rng)

    def linear(x):
        return (x * slope).flatten(1).sum(1, keepdim=True)

    data, samples = torch.randn(2, *shape, generator=rng)
    found = gradient_penalty(linear, data, samples, rng)
    assert float(found) == pytest.approx((float(slope.norm()) - 1) ** 2, rel=1e-5)


def test_the_penalty_is_for_slopes_above_and_below_one_at_places_of_each_samples_own(rng):
    """The slope of |x|² / 2 is |x|: from zeros to images of norm two it is 2 t, and (2 t - 1)² has the mean 1/3."""
    data = torch.ones(10_000, 1, 2, 2)
    found = gradient_penalty(lambda x: x.square().flatten(1).sum(1) / 2, data, 0 * data, rng)
    assert float(found.detach()) == pytest.approx(1 / 3, abs=0.01)


def test_the_penalty_of_a_critic_of_patches_is_that_of_their_mean(rng):
    """The bound is of their mean, so that a linear critic of slope one is free, however many patches it judges."""
    slope = torch.randn(2, 6, 6, generator=rng)
    slope = slope / slope.norm()
    data, samples = torch.randn(2, 3, 2, 6, 6, generator=rng)

    def patches(x):
        return 36 * F.avg_pool2d((x * slope).sum(1, keepdim=True), 2)  # nine, whose mean is the inner product

    found = patches(data).flatten(1).mean(1)
    torch.testing.assert_close(found, (data * slope).flatten(1).sum(1))
    assert float(gradient_penalty(patches, data, samples, rng).detach()) == pytest.approx(0, abs=1e-8)


def test_the_penalty_is_exact_where_samples_are_of_another_type(rng):
    """Under autocast a model makes bfloat16 samples, and the penalty of a linear critic is what it is."""
    data = torch.randn(4, 3, generator=rng)
    found = gradient_penalty(lambda x: 2 * x[:, :1], data, data.bfloat16(), rng)
    assert float(found) == pytest.approx(1, abs=1e-6)


def test_the_penalty_of_a_flat_critic_has_a_gradient(rng):
    flat = nn.Linear(1, 1)
    nn.init.zeros_(flat.weight)
    gradient_penalty(flat, torch.ones(2, 1), torch.zeros(2, 1), rng).backward()
    assert bool(flat.weight.grad.isfinite().all())


def test_a_critic_of_slope_one_measures_the_way_between_two_gaussians(rng):
    """W1(N(1.5, 1), N(0, 1)) = 1.5: a shift is the way that all mass goes."""
    objective = StatisticalDistance(critic(rng), made, DIVERGENCES["wasserstein"], penalty=10.0, moves=4)
    plan = Plan(steps=150, optimisers={"critic": Adam(rate=1e-2), "model": Adam(rate=1e-9)})
    history = fit(Shift(), objective, Gaussians(1.5), plan)
    assert history.rows[-1]["wasserstein"] == -history.rows[-1]["critic"] == pytest.approx(1.5, rel=0.1)
    many = Gaussians(1.5).draw(Step(0, 0.0, rng)), torch.randn(4096, 1, generator=rng)
    with torch.no_grad():
        distance = objective.critic(many[0].y).mean() - objective.critic(many[1]).mean()
    assert float(distance) == pytest.approx(1.5, rel=0.1)


def test_the_best_critic_is_the_dual_of_discrete_transport(rng):
    """No critic of slope one exceeds the least cost of moving points, and one reaches it (Kantorovich, Rubinstein)."""
    data, samples = torch.randn(9, 2, dtype=torch.float64, generator=rng), torch.randn(7, 2, generator=rng).double() + 1
    cost = torch.cdist(data, samples)
    rows, columns = np.kron(np.eye(9), np.ones(7)), np.kron(np.ones(9), np.eye(7))
    masses = np.concatenate((np.full(9, 1 / 9), np.full(7, 1 / 7)))
    primal = linprog(cost.flatten().numpy(), A_eq=np.concatenate((rows, columns)), b_eq=masses)
    potential = torch.as_tensor(primal.eqlin.marginals[9:])

    def critic(x, prices):
        return (torch.cdist(x, samples) - prices).amin(1)  # of slope one, whatever the prices

    bound = DIVERGENCES["wasserstein"].bound
    assert float(bound(critic(data, potential), critic(samples, potential))) == pytest.approx(primal.fun, rel=1e-9)
    for _ in range(20):
        prices = potential + 0.3 * torch.randn(7, dtype=torch.float64, generator=rng)
        assert float(bound(critic(data, prices), critic(samples, prices))) < primal.fun


@pytest.mark.parametrize("name", ["wasserstein", "gan", "kl", "least_squares"])
def test_a_model_moves_to_the_data(name, rng):
    penalty = 10.0 if name == "wasserstein" else 0.0
    objective = StatisticalDistance(critic(rng), made, DIVERGENCES[name], penalty=penalty, moves=2)
    optimisers = {"critic": Adam(rate=1e-2, betas=(0.5, 0.9)), "model": Adam(rate=2e-2, betas=(0.5, 0.9))}
    model = Shift()
    fit(model, objective, Gaussians(1.0), Plan(steps=150, optimisers=optimisers))
    assert model.by.item() == pytest.approx(1.0, abs=0.3)
