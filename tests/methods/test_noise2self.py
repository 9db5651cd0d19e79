from dataclasses import replace

import pytest
import torch

from pellucid.errors import InputError
from pellucid.restorers import Flips, PosteriorMean, SplitAverage


def slopes_within_classes(restorer, given, classes, rng) -> torch.Tensor:
    """Return d (c · F(y)_J) / d y_J for random c, over classes J: zero where F is J-invariant."""
    found = []
    for hidden in classes:
        y = given.y.clone().requires_grad_()
        image = restorer(given.with_y(y))
        cotangent = torch.randn(y.shape, generator=rng) * hidden
        (slope,) = torch.autograd.grad((image * cotangent).sum(), y)
        found.append(slope[hidden])
    return torch.cat(found)


def classes_of(width, shape):
    """Yield every third class of a grid."""
    rows, columns = torch.meshgrid(torch.arange(shape[-2]), torch.arange(shape[-1]), indexing="ij")
    for phase in range(0, width**2, 3):
        yield ((rows % width == phase // width) & (columns % width == phase % width)).expand(shape)


@pytest.mark.parametrize(("replacement", "flips"), [("donut", False), ("zero", False), ("donut", True)])
def test_the_trained_restorer_is_j_invariant(replacement, flips, trained, scene, rng):
    """Its Jacobian vanishes between pixels of one class, exactly; the same network in one pass does not."""
    given = scene.record(1)
    options = {"replacement": replacement, "flips": flips}
    method = trained("noise2self", given, 60, inference="j_invariant", **options)
    crop = given.with_y(given.y[:1, :, :16, :16])
    assert not slopes_within_classes(method.restorer, crop, classes_of(4, crop.y.shape), rng).any()
    single = Flips(method.model) if flips else method.model
    assert slopes_within_classes(single, crop, classes_of(4, crop.y.shape), rng).abs().mean() > 1e-3
    assert slopes_within_classes(method.restorer, crop, classes_of(3, crop.y.shape), rng).abs().mean() > 1e-4


def test_single_is_the_network_itself(trained, scene):
    method = trained("noise2self", scene.record(1), 60, inference="single")
    assert method.restorer is method.model
    given = scene.record(1)
    with torch.no_grad():
        torch.testing.assert_close(method.restorer(given), method.model(given))


def test_self_supervised_risk_exceeds_the_true_risk_by_the_noise_variance(trained, scene):
    """Survey eq. 14, for all pixels of the J-invariant restorer, within 4 standard errors."""
    method = trained("noise2self", scene.record(1), 120, inference="j_invariant")
    excess, images = [], []
    for seed in range(10, 16):
        given = scene.record(seed)
        with torch.no_grad():
            images.append(method.restorer(given))
        excess.append((images[-1] - given.y).square() - (images[-1] - scene.x).square())
    excess = torch.cat(excess)
    error = float(excess.std()) / excess.numel() ** 0.5
    assert float(excess.mean()) == pytest.approx(0.25, abs=4 * error)
    assert scene.error(images[-1]) < 0.3
    with torch.no_grad():
        single = method.model(given)
    seen = (single - given.y).square().mean() - (single - scene.x).square().mean()
    assert float(seen) < 0.25 - 4 * error  # what sees its pixel follows its noise


def test_the_posterior_is_nearer_to_the_truth_than_the_j_invariant_mean(trained, scene):
    given = scene.record(1)
    method = trained("noise2self", given, 150)
    assert isinstance(method.restorer, PosteriorMean)
    assert isinstance(method.restorer.model, SplitAverage)
    with torch.no_grad():
        image, spread = method.restorer.estimate(given)
        blind = method.restorer.model(given)
    assert scene.error(image) < 0.8 * scene.error(blind)
    assert scene.error(image) < 0.3 * scene.error(given.y)
    assert float(spread.square().mean()) == pytest.approx(scene.error(image), rel=0.4)


def test_a_random_replacement_hides_as_well(trained, scene, rng):
    given = scene.record(1)
    method = trained("noise2self", given, 60, inference="j_invariant", replacement="random", width=3)
    crop = given.with_y(given.y[:1, :, :12, :12])
    assert method.restorer.stride(2) == (12, 12)
    assert not slopes_within_classes(method.restorer, crop, classes_of(3, crop.y.shape), rng).any()


def test_the_posterior_needs_the_noise(trained, scene):
    with pytest.raises(InputError, match="noise"):
        trained("noise2self", replace(scene.record(1), noise=None), 1)
