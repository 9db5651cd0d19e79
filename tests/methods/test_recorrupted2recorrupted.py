import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.recorruption import Recorruption
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.noise import Gaussian, Poisson
from pellucid.objectives import HeldOut, Sure
from pellucid.operators import Identity
from pellucid.restorers import Regularised

X = 3 + torch.sin(torch.linspace(0, 9, 64)).expand(1, 1, 64, 64)


def smooth(y):
    return torch.nn.functional.avg_pool2d(torch.tanh(y - 3), 3, 1, 1) + 3


def losses(alpha, noise, rng, count=150):
    """Return losses of re-corruption on fresh recordings, and the true errors of F(y₁)."""
    split, model, found = Recorruption(alpha), Regularised(lambda given, _: smooth(given.y), 0.0), []
    for seed in range(count):
        batch = Measurement(y=noise.sample(X, rng), operator=Identity(), noise=noise)
        loss = HeldOut(split).terms(model, batch, Step(0, 0.0, torch.Generator().manual_seed(seed)))["held_out"]
        given, _ = split(batch, torch.Generator().manual_seed(seed))
        found.append(torch.stack([loss, (smooth(given.y) - X).square().mean()]))
    return torch.stack(found).T


@pytest.mark.parametrize("alpha", [0.15, 0.5])
@pytest.mark.parametrize("noise", [Gaussian(0.5), Poisson(0.2)])
def test_the_loss_is_the_true_error_and_the_variance_of_the_second_image(alpha, noise, rng):
    """E|F(y₁) - y₂|² = E|F(y₁) - x|² + s² / alpha, within four standard errors."""
    loss, error = losses(alpha, noise, rng)
    excess = loss - error - noise.variance(X).mean() / alpha
    assert excess.mean().abs() < 4 * excess.std() / len(excess) ** 0.5
    assert excess.std() / len(excess) ** 0.5 < 0.01


def test_for_a_small_part_it_is_steins_risk(rng):
    """Less s² / alpha and with s² back, on one recording: both estimate the error and the noise variance."""
    noise = Gaussian(0.5)
    batch = Measurement(y=noise.sample(X, rng), operator=Identity(), noise=noise)
    model, split, found = Regularised(lambda given, _: smooth(given.y), 0.0), Recorruption(0.002), []
    for seed in range(100, 300):
        _, held = split(batch, rng.manual_seed(seed))
        rng.manual_seed(seed)
        loss = HeldOut(split).terms(model, batch, Step(0, 0.0, rng))["held_out"]
        stein = Sure().terms(model, batch, Step(0, 0.0, rng))["stein"]
        found.append(loss - (held.y - batch.y).square().mean() - stein)
    found = torch.stack(found)
    assert found.mean().abs() < 4 * found.std() / len(found) ** 0.5 + 0.002
    assert found.std() / len(found) ** 0.5 < 0.05


def test_the_trained_restorer_has_a_spread_over_draws(trained, scene):
    """The image is nearer to the truth than one answer, and the answers disagree less than they err."""
    given = scene.record(1)
    method = trained("recorrupted2recorrupted", given, 150, alpha=0.3, variance=False)
    with torch.no_grad():
        image, spread = method.restorer.estimate(given)
        first, _ = method.restorer.split(given, torch.Generator().manual_seed(0))
        assert scene.error(image) < 0.95 * scene.error(method.model(first))
    assert scene.error(image) < 0.3 * scene.error(given.y)
    assert 0.05 * scene.error(image) < float(spread.square().mean()) < scene.error(image)


def test_with_a_variance_the_spread_is_that_of_the_posterior(trained, scene):
    """It is about as large as the error of one answer, and both parts together tell more than the first."""
    given = scene.record(1)
    method = trained("recorrupted2recorrupted", given, 150, alpha=0.5, variance=True)
    with torch.no_grad():
        image, spread = method.restorer.estimate(given)
        first, _ = method.restorer.split(given, torch.Generator().manual_seed(0))
        assert scene.error(image) < 0.8 * scene.error(method.model(first))
    assert scene.error(image) < 0.3 * scene.error(given.y)
    assert scene.error(image) < float(spread.square().mean()) < 2 * scene.error(image)


@pytest.mark.parametrize(("settings", "message"), [({"alpha": 1.5}, "not 1.5"), ({"draws": 1}, "draws=1 is fewer")])
def test_settings_that_leave_nothing_are_refused(settings, message, built, scene):
    with pytest.raises(InputError, match=message):
        built("recorrupted2recorrupted", scene.record(1), **settings)
