"""What the classical methods share: calibration, J-invariance, and the use of the seen pixel."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from pellucid import methods
from pellucid.data.splits import Grid, mask_of
from pellucid.errors import InputError
from pellucid.methods import registry
from pellucid.methods.calibration import calibrated, each
from pellucid.restorers import LocalVariance, PosteriorMean, Regularised, SplitAverage

CLASSICAL = ["non_local_means", "total_variation"]
CARD = methods.card("total_variation")


def test_the_strength_of_least_risk_is_chosen_among_those_given(scene):
    """A spy that is right at one strength only."""
    tried = []

    def spy(image, strength):
        tried.append(round(strength / 0.5, 6))
        return scene.x[0, 0].numpy() + np.float32(strength / 0.5 - 0.8)

    method = calibrated(scene.record(1), spy, (0.2, 0.4, 0.8, 1.6), CARD, torch.Generator().manual_seed(0))
    assert sorted(set(tried)) == [0.2, 0.4, 0.8, 1.6]
    assert float(method.model.strength) == pytest.approx(0.8 * 0.5)


def constant(image: np.ndarray, strength: float) -> np.ndarray:
    return np.full_like(image, strength)


@pytest.mark.parametrize(("weighted", "best"), [(True, 0.1), (False, 40.0)])
def test_pixels_without_weight_are_no_targets(weighted, best, scene):
    """Three of ten pixels hold 50, where the scene has zero mean."""
    data = scene.record(1)
    weight = torch.rand(data.y.shape, generator=torch.Generator().manual_seed(5)) > 0.3
    spoiled = replace(data, y=torch.where(weight, data.y, 50.0), weight=weight if weighted else None)
    method = calibrated(spoiled, constant, (0.1, 2.0, 40.0), CARD, torch.Generator())
    assert float(method.model.strength) == pytest.approx(best * 0.5)


def test_the_rule_is_the_local_posterior_of_a_j_invariant_mean(scene):
    method = calibrated(scene.record(1), constant, (0.5, 1.0), CARD, torch.Generator())
    assert isinstance(method.restorer, PosteriorMean)
    assert isinstance(method.restorer.model, LocalVariance)
    assert method.restorer.model is method.prior
    assert isinstance(method.prior.model, SplitAverage)
    assert method.prior.model.model is method.model


def test_the_noise_must_be_known(scene):
    with pytest.raises(InputError, match="needs to know how strong the noise is"):
        calibrated(replace(scene.record(1), noise=None), constant, (1.0,), CARD, torch.Generator())


def test_each_image_and_channel_is_restored_by_itself():
    y = torch.arange(24.0).view(2, 3, 2, 2)
    out = each(lambda image: image - image.mean(), y)
    torch.testing.assert_close(out, y - y.mean((2, 3), keepdim=True))


@pytest.fixture
def asked(monkeypatch, name):
    """Return what the method asks of its calibration: the denoiser and the strengths that are tried."""
    seen = {}
    module = sys.modules[registry.function(name).__module__]

    def spy(example, denoise, strengths, card, rng):
        seen.update(strengths=strengths, sigma=float(example.noise.sigma))
        return calibrated(example, denoise, strengths, card, rng)

    monkeypatch.setattr(module, "calibrated", spy)
    return seen


@pytest.mark.parametrize("name", CLASSICAL)
@pytest.mark.parametrize("sigma", [0.3, 0.8])
def test_the_calibrated_strength_is_within_a_step_of_the_oracle(sigma, name, scene, asked, built):
    scene.noise.sigma.fill_(sigma)
    method = built(name, scene.record(1))
    solve, classes = method.model.solve, Grid(4, method.split.fill)
    given, held = classes(scene.record(1), torch.Generator().manual_seed(9))

    def error(strength):
        image = Regularised(solve, strength * sigma)(given)
        return float(((image - scene.x).square() * held.weight).sum())

    oracle = asked["strengths"].index(min(asked["strengths"], key=error))
    chosen = asked["strengths"].index(min(asked["strengths"], key=lambda s: abs(s * sigma - method.model.strength)))
    assert float(method.model.strength) == pytest.approx(asked["strengths"][chosen] * asked["sigma"])
    assert abs(chosen - oracle) <= 1


@pytest.mark.parametrize("name", CLASSICAL)
def test_the_prediction_is_j_invariant(name, scene, built, rng):
    """Other values in a class change nothing there, to the bit; the pixels around it do change."""
    method, given = built(name, scene.record(1)), scene.record(1)
    crop = given.with_y(given.y[:1, :, :24, :24])
    before = method.prior.model(crop)
    for places in list(Grid(4).classes(crop.y))[::5]:
        hidden = mask_of(places, crop.y)
        other = crop.with_y(torch.where(hidden, torch.randn(crop.y.shape, generator=rng), crop.y))
        after = method.prior.model(other)
        assert torch.equal(after[hidden], before[hidden])
        assert not torch.equal(after[~hidden], before[~hidden])
    assert not torch.equal(method.model(other)[hidden], method.model(crop)[hidden])


@pytest.mark.parametrize("name", CLASSICAL)
def test_the_seen_pixel_helps(name, scene, built):
    method, given = built(name, scene.record(1)), scene.record(1)
    image, spread = method.restorer.estimate(given)
    assert scene.error(image) < 0.9 * scene.error(method.prior(given))
    assert float(spread.square().mean()) == pytest.approx(scene.error(image), rel=0.5)
