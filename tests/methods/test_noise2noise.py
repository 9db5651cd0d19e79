import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.operators import Identity
from pellucid.restorers import Flips


@pytest.fixture
def method(trained, scene):
    return trained("noise2noise", scene.repeats(1, 2), 150)


def test_risk_against_a_second_recording_exceeds_the_true_risk_by_the_noise_variance(method, scene):
    """Survey eq. 8: E|F(y) - ŷ|² - E|F(y) - x|² = s², for a trained network, within 4 standard errors."""
    excess = []
    for seed in range(10, 40, 2):
        given, held = scene.record(seed), scene.record(seed + 1)
        with torch.no_grad():
            image = method.model(given)
        excess.append((image - held.y).square() - (image - scene.x).square())
    excess = torch.cat(excess)
    error = float(excess.std()) / excess.numel() ** 0.5
    assert error < 0.01
    assert float(excess.mean()) == pytest.approx(0.25, abs=4 * error)
    risk = float((image - held.y).square().mean())
    assert risk - 0.25 < 0.5 * scene.error(given.y)  # the network is no bystander: it removes noise


def test_two_recordings_are_restored_better_than_one(method, scene):
    first, second = scene.record(20), scene.record(21)
    both = first.with_y(torch.cat([first.y, second.y], 1))
    with torch.no_grad():
        images = [method.restorer(given) for given in (first, second, both)]
    torch.testing.assert_close(images[2], (images[0] + images[1]) / 2)
    errors = [scene.error(image) for image in images]
    assert errors[2] < 0.95 * min(errors[:2])


def test_a_predicted_variance_says_how_wrong_the_mean_is_and_joins_the_other_shot(trained, scene):
    method = trained("noise2noise", scene.repeats(1, 2), 150, variance=True)
    first, second = scene.record(20), scene.record(21)
    with torch.no_grad():
        image, spread = method.restorer.estimate(first)
        joint, joint_spread = method.restorer.estimate(first.with_y(torch.cat([first.y, second.y], 1)))
    assert scene.error(image) == pytest.approx(float(spread.square().mean()), rel=0.4)
    assert scene.error(joint) < scene.error(image)
    assert (joint_spread < spread.max()).all()


def test_l2_tends_to_the_mean_and_l1_to_the_median(trained, scene):
    """Three of ten pixels are 3 too bright: the mean of the noise is 0.9, its median 0."""

    def burnt(seed):
        rng = torch.Generator().manual_seed(seed)
        y = scene.x + 3.0 * (torch.rand(scene.x.shape, generator=rng) < 0.3)
        return Measurement(y=y, operator=Identity())

    bias = {}
    for loss in ("l2", "l1"):
        data = scene.repeats(1, 2)
        data = type(data)(y=burnt(1).y, operator=Identity(), shots=(burnt(1), burnt(2)))
        image = trained("noise2noise", data, 250, loss=loss).restorer(burnt(3)).detach()
        bias[loss] = float((image - scene.x).mean())
    assert bias["l2"] == pytest.approx(0.9, abs=0.15)
    assert bias["l1"] == pytest.approx(0.0, abs=0.25)


def test_flips_wrap_the_restorer_and_what_the_risk_is_measured_on(built, scene):
    method = built("noise2noise", scene.repeats(1, 2), flips=True)
    assert isinstance(method.restorer, Flips)
    assert isinstance(method.prior, Flips)
    assert method.prior.model is method.model
