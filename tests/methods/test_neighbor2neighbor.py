from itertools import pairwise

import pytest
import torch
from torch import nn

from pellucid import methods
from pellucid.data.cells import neighbours, pick
from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.methods.neighbor2neighbor import Neighbours
from pellucid.networks import UNet, initialise
from pellucid.operators import Identity
from pellucid.restorers import Enhancer


def step(progress=1.0, seed=0):
    return Step(0, progress, torch.Generator().manual_seed(seed))


def measured(y, **facts):
    return Measurement(y=y, operator=Identity(), **facts)


def network(rng, channels=1):
    return Enhancer(initialise(UNet((channels, channels), features=4, top_skip=True), rng))


@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_the_risk_exceeds_the_supervised_one_as_the_theorem_says(slope, rng):
    """E‖F(g₁y) − g₂y‖² − E‖F(g₁y) − g₁x‖² = E‖ε‖² − 2 E⟨F(g₁y) − g₁x, ε⟩ + s², within 5 standard errors.

    For a constant object ε = g₂x − g₁x is zero, and the excess is the variance of the noise.
    """
    x = (slope * torch.arange(64.0)).expand(48, 1, 64, 64)
    y = x + 0.5 * torch.randn(x.shape, generator=rng)
    model = network(rng)
    with torch.no_grad():
        risk = Neighbours(1.0).terms(model, measured(y), step())["neighbours"]
        first, second = neighbours(y, step().rng)
        error = model(measured(pick(y, first))) - pick(x, first)
        gap = pick(x, second) - pick(x, first)
        expected = error.square().mean() + gap.square().mean() - 2 * (error * gap).mean() + 0.25
    residual = (error - gap).square().mean()
    tolerance = 5 * float((4 * residual * 0.25 + 2 * 0.25**2) / error.numel()) ** 0.5
    assert float(risk) == pytest.approx(float(expected), abs=tolerance)
    assert gap.any() == bool(slope)


def test_the_terms_are_those_of_the_paper_with_one_choice_of_neighbours(rng):
    y = torch.randn(2, 1, 32, 32, generator=rng)
    model = network(rng)
    found = Neighbours(16.0).terms(model, measured(y), step(0.25))
    first, second = neighbours(y, step().rng)
    g1, g2 = (lambda image: pick(image, first)), (lambda image: pick(image, second))
    restored = model(measured(y)).detach()
    error = model(measured(g1(y))) - g2(y)
    torch.testing.assert_close(found["neighbours"], error.square().mean())
    torch.testing.assert_close(
        found["consistency"], 16 * 0.25 * (error - (g1(restored) - g2(restored))).square().mean()
    )


def test_nothing_is_learned_through_the_restored_image(rng):
    """The gradient is that of the distance to a fixed target: g₂y + g₁F(y) − g₂F(y)."""
    y = torch.randn(1, 1, 32, 32, generator=rng)
    model = network(rng)
    Neighbours(1.0).terms(model, measured(y), step())["consistency"].backward()
    found = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    first, second = neighbours(y, step().rng)
    with torch.no_grad():
        restored = model(measured(y))
        target = pick(y, second) + pick(restored, first) - pick(restored, second)
    (model(measured(pick(y, first))) - target).square().mean().backward()
    torch.testing.assert_close(found, [p.grad for p in model.parameters()])


def test_the_weight_of_consistency_grows_with_the_budget(rng):
    y, model = torch.randn(1, 1, 16, 16, generator=rng), Enhancer(nn.Conv2d(1, 1, 3, padding=1))
    found = [float(Neighbours(2.0).terms(model, measured(y), step(p))["consistency"].detach()) for p in (0, 0.5, 1.0)]
    assert found[0] == 0
    assert found[2] == pytest.approx(2 * found[1])
    assert all(a < b for a, b in pairwise(found))


def test_a_pair_with_a_pixel_without_weight_is_no_target(rng):
    y = torch.randn(2, 1, 16, 16, generator=rng)
    weight = torch.rand(y.shape, generator=rng) > 0.2
    model = Enhancer(nn.Identity())
    found = Neighbours(1.0).terms(model, measured(y, weight=weight), step())
    first, second = neighbours(y, step().rng)
    kept = pick(weight, first) & pick(weight, second)
    torch.testing.assert_close(found["neighbours"], (pick(y, first) - pick(y, second))[kept].square().mean())
    assert found["consistency"] == 0  # the identity is consistent


@pytest.mark.parametrize(("space", "patch"), [((37, 61), (32, 56)), ((5, 41, 37), (5, 40, 32)), ((16, 16), (16, 16))])
def test_sizes_are_cut_to_what_halves_need(space, patch, rng):
    data = measured(torch.randn(1, 1, *space, generator=rng))
    method = methods.build("neighbor2neighbor", data, rng=torch.Generator().manual_seed(0), features=2)
    assert tuple(method.stages[0].patch) == patch
    half = [*patch[:-2], patch[-2] // 2, patch[-1] // 2]
    assert all(n % period == 0 for n, period in zip(half, method.model.stride(len(space)), strict=True))


def test_one_pass_over_the_data_as_they_are_is_the_answer(built, scene):
    method = built("neighbor2neighbor", scene.record(1))
    assert method.restorer is method.model
