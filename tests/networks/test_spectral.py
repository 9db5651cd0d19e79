import pytest
import torch
from torch import nn

from pellucid.data.measurement import Measurement
from pellucid.networks import initialise
from pellucid.networks.spectral import unit_norms
from pellucid.objectives.adversarial import StatisticalDistance
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.operators import Identity
from pellucid.training import Adam, Plan, fit

SHIFT = torch.tensor([1.0, -0.5, 0.7])


def norm(weight):
    return float(torch.linalg.matrix_norm(weight.detach().flatten(1), 2))


@pytest.mark.parametrize("layer", [nn.Linear(7, 5), nn.Conv1d(2, 3, 3), nn.Conv2d(2, 3, 3), nn.Conv3d(2, 3, 3)])
def test_weights_are_divided_by_their_largest_singular_value(layer, rng):
    initialise(layer, rng)
    expected = layer.weight.detach() / norm(layer.weight)
    torch.testing.assert_close(unit_norms(layer).weight.detach(), expected, rtol=1e-3, atol=1e-4)


def test_the_gradient_is_that_of_the_exact_norm(rng):
    """σ = uᵀWv depends on W alone, where u and v are the singular vectors: their change has no part in dσ."""
    layer = initialise(nn.Linear(6, 4, bias=False), rng)
    matrix = layer.weight.detach().clone().requires_grad_()
    x, way = torch.randn(5, 6, generator=rng), torch.randn(5, 4, generator=rng)
    bounded = unit_norms(layer)
    for _ in range(100):
        bounded(x)
    (bounded(x) * way).sum().backward()
    (expected,) = torch.autograd.grad((x @ (matrix / torch.linalg.matrix_norm(matrix, 2)).mT * way).sum(), matrix)
    torch.testing.assert_close(bounded.parametrizations.weight.original.grad, expected, rtol=1e-3, atol=1e-4)


class Shifted:
    def draw(self, step):
        return Measurement(y=SHIFT + torch.randn(256, 3, generator=step.rng), operator=Identity())


class Still(nn.Module):
    def __init__(self):
        super().__init__()
        self.place = nn.Parameter(torch.zeros(1), requires_grad=False)


def trained(steps):
    """Return a critic that saw normal numbers, and others that are shifted."""
    layers = nn.Linear(3, 16), nn.LeakyReLU(0.1), nn.Linear(16, 16), nn.LeakyReLU(0.1), nn.Linear(16, 1)
    critic = unit_norms(initialise(nn.Sequential(*layers), torch.Generator().manual_seed(0)))

    def made(model, batch, rng):
        return torch.randn(batch.y.shape, generator=rng)

    objective = StatisticalDistance(critic, made, DIVERGENCES["wasserstein"])
    plan = Plan(steps=steps, optimisers={"critic": Adam(rate=1e-2), "model": Adam()})
    return critic, fit(Still(), objective, Shifted(), plan)


def test_a_critic_has_slope_one_at_most_and_measures_the_way(rng):
    """W1 of a shift is its length, and no function of slope one exceeds it."""
    critic, history = trained(200)
    assert all(norm(critic[k].weight) < 1.01 for k in (0, 2, 4))
    one, other = 3 * torch.randn(2, 4000, 3, generator=rng)
    with torch.no_grad():
        slope = (critic(one) - critic(other))[:, 0].abs() / (one - other).norm(dim=1)
    assert float(slope.max()) < 1.02
    assert 0.9 * float(SHIFT.norm()) < history.rows[-1]["wasserstein"] < 1.02 * float(SHIFT.norm())


def test_a_convolution_of_norm_one_may_be_steeper():
    """All of its nine patches see a pixel: equal entries of norm one have gain nine thirds away from the edges."""
    conv = nn.Conv2d(1, 1, 3, bias=False)
    nn.init.constant_(conv.weight, 0.2)
    torch.testing.assert_close(unit_norms(conv)(torch.ones(1, 1, 5, 5)).detach(), torch.full((1, 1, 3, 3), 3.0))


def test_nothing_is_drawn():
    for one, other in zip(trained(3)[0].state_dict().values(), trained(3)[0].state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_outside_of_training_nothing_changes(rng):
    layer = unit_norms(initialise(nn.Linear(3, 2), rng)).eval()
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    layer(torch.ones(1, 3))
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())
