import pytest
import torch
from torch import nn

from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.source import Step
from pellucid.methods.supervised import Truth
from pellucid.objectives.perceptual import Perceptual
from pellucid.operators import Identity
from pellucid.restorers import Enhancer


def step():
    return Step(0, 0.0, torch.Generator().manual_seed(0))


def paired(y, x, **facts):
    return Repeated.of(tuple(Measurement(y=image, operator=Identity(), **facts) for image in (y, x)))


@pytest.fixture
def images(rng):
    return torch.randn(2, 2, 1, 16, 16, generator=rng)


@pytest.fixture
def features():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Dropout(0.5))


def test_features_of_the_answer_are_compared_with_those_of_the_clean_image(images, features):
    y, x = images
    found = Perceptual(Truth(), features).terms(Enhancer(nn.Identity()), paired(y, x), step())["perceptual"]
    torch.testing.assert_close(found, (features.eval()(y) - features(x)).square().mean())
    assert Perceptual(Truth(), features).terms(Enhancer(nn.Identity()), paired(x, x), step())["perceptual"] == 0


def test_features_of_single_pixels_make_it_the_squared_difference(images):
    y, x = images
    found = Perceptual(Truth(), nn.Identity()).terms(Enhancer(nn.Identity()), paired(y, x), step())["perceptual"]
    torch.testing.assert_close(found, (y - x).square().mean())


def test_the_given_network_is_neither_trained_nor_changed(images, features):
    objective, model = Perceptual(Truth(), features), Enhancer(nn.Conv2d(1, 1, 1))
    (turn,) = objective.turns(model)
    assert [id(p) for p in turn.parameters] == [id(p) for p in model.parameters()]
    sum(turn.terms(paired(*images), step()).values()).backward()
    assert model.network.weight.grad.any()
    assert all(p.requires_grad and p.grad is None for p in features.parameters())
    objective.train()
    assert features.training
    assert not objective.features.training


def test_pixels_without_weight_are_no_target(images, features, rng):
    y, x = images
    weight = torch.rand(y.shape, generator=rng) > 0.2
    objective, model = Perceptual(Truth(), features), Enhancer(nn.Identity())
    y = y.clone().requires_grad_()
    objective.terms(model, paired(y, x, weight=weight), step())["perceptual"].backward()
    assert y.grad[weight].any()
    assert not y.grad[~weight].any()
