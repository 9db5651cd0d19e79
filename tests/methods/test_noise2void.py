import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.operators import Identity
from pellucid.restorers import Flips, PosteriorMean
from pellucid.testing import assert_held_out

REPLACEMENTS = ["median", "mean", "uniform"]


def test_risk_on_hidden_pixels_exceeds_the_true_risk_by_the_noise_variance(trained, scene):
    """Survey eq. 14: E|F(y)_J - y_J|² - E|F(y)_J - x_J|² = s², for a trained network, within 4 standard errors."""
    method = trained("noise2void", scene.record(1), 120)
    rng = torch.Generator().manual_seed(0)
    excess, risk = [], []
    for seed in range(10, 60):
        given, held = method.split(scene.record(seed), rng)
        with torch.no_grad():
            image = method.model(given)
        hidden = held.weight > 0
        risk.append((image - held.y).square()[hidden])
        excess.append(risk[-1] - (image - scene.x).square()[hidden])
    excess = torch.cat(excess)
    error = float(excess.std()) / excess.numel() ** 0.5
    assert error < 0.02
    assert float(excess.mean()) == pytest.approx(0.25, abs=4 * error)
    assert float(torch.cat(risk).mean()) < 0.75  # a constant would have 1.25: the network has learned


@pytest.mark.parametrize("replacement", REPLACEMENTS)
def test_masked_pixels_never_leak(replacement, built, scene, rng):
    method = built("noise2void", scene.record(1), replacement=replacement)
    assert_held_out(method.split, (2, 1, 48, 40), rng)
    assert not method.split.fill.leaks


def test_the_default_does_not_leak_and_the_original_replacement_is_named_as_leaking(built, scene, rng):
    assert type(built("noise2void", scene.record(1)).split.fill).__name__ == "Median"
    original = built("noise2void", scene.record(1), replacement="uniform_with_centre", radius=1, fraction=0.1)
    assert original.split.fill.leaks
    with pytest.raises(AssertionError, match="a held entry reaches what is given"):
        assert_held_out(original.split, (2, 1, 48, 40), rng)


@pytest.mark.parametrize("replacement", [*REPLACEMENTS, "uniform_with_centre"])
def test_what_is_put_in_comes_from_the_radius(replacement, built, scene, rng):
    """A bright ring beyond the radius is never seen."""
    split = built("noise2void", scene.record(1), replacement=replacement, radius=2, fraction=0.001).split
    y = torch.zeros(1, 1, 31, 31)
    y[..., 15, 15] = 1.0
    hidden = torch.zeros_like(y, dtype=torch.bool)
    hidden[..., 15, 15] = True
    y[..., :13, :], y[..., 18:, :], y[..., :13], y[..., 18:] = 9.0, 9.0, 9.0, 9.0
    given, _ = split.hide(Measurement(y=y, operator=Identity()), hidden.flatten(2).nonzero()[:, 2].view(1, 1, -1), rng)
    assert given.y[..., 15, 15] in (0.0, 1.0)


def test_the_original_network_learns_too(trained, scene):
    original = {"architecture": "n2v", "replacement": "uniform_with_centre"}
    method = trained("noise2void", scene.record(1), 120, **original)
    with torch.no_grad():
        image = method.restorer(scene.record(1))
    assert scene.error(image) < 0.6 * scene.error(scene.record(1).y)


def test_a_variance_uses_the_seen_pixel_through_its_posterior(trained, scene):
    method = trained("noise2void", scene.record(1), 150, variance=True)
    assert isinstance(method.restorer, PosteriorMean)
    given = scene.record(1)
    with torch.no_grad():
        image, spread = method.restorer.estimate(given)
        blind = method.restorer.model(given)
    assert scene.error(image) < scene.error(blind)
    assert scene.error(image) == pytest.approx(float(spread.square().mean()), rel=0.4)


def test_one_pass_is_the_default_and_flips_wrap_it(built, scene):
    plain, flipped = (built("noise2void", scene.record(1), flips=flips) for flips in (False, True))
    assert plain.restorer is plain.model
    assert isinstance(flipped.restorer, Flips)
    assert flipped.restorer.model is flipped.model
