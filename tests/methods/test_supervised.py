from dataclasses import replace

import pytest
import torch

from pellucid import methods
from pellucid.data.measurement import Repeated
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.methods.supervised import Truth
from pellucid.objectives import HeldOut


def test_the_recording_is_given_and_the_clean_image_is_held_without_noise(scene, rng):
    data = scene.suited("supervised")
    for _ in range(5):  # never the other way round
        given, held = Truth()(data, rng)
        assert torch.equal(given.y, data.shots[0].y)
        assert torch.equal(held.y, scene.x)
        assert held.noise is None


@pytest.mark.parametrize(("loss", "power"), [("l2", 2), ("l1", 1)])
def test_the_risk_is_the_true_one(loss, power, built, scene):
    data = scene.suited("supervised")
    method = built("supervised", data, loss=loss)
    (stage,) = method.stages
    with torch.no_grad():
        found = stage.objective.terms(stage.model, data, Step(0, 0.0, torch.Generator()))["held_out"]
        expected = (method.restorer(data) - scene.x).abs().pow(power).mean()
    torch.testing.assert_close(found, expected)


def test_pixels_without_weight_are_no_target(built, scene, rng):
    data = scene.suited("supervised")
    weight = torch.rand(scene.x.shape, generator=rng) > 0.3
    weighed = Repeated.of(tuple(replace(shot, weight=weight) for shot in data.shots))
    model = built("supervised", data).model
    with torch.no_grad():
        found = HeldOut(Truth()).terms(model, weighed, Step(0, 0.0, rng))["held_out"]
        torch.testing.assert_close(found, (model(data) - scene.x).square()[weight].mean())


def test_the_same_network_without_the_truth_stays_behind(trained, scene):
    given = scene.record(1)
    errors = {}
    for name, options in {"supervised": {}, "noise2self": {"inference": "single"}}.items():
        method = trained(name, scene.suited(name), 80, **options)
        with torch.no_grad():
            errors[name] = scene.error(method.restorer(given))
    assert errors["supervised"] < 0.9 * errors["noise2self"]


def test_it_says_what_it_is_and_needs_the_truth(scene, rng):
    card = methods.card("supervised")
    assert "upper bound" in card.title
    assert card.needs == "truth"
    assert not card.stabilise  # the error that is bounded is that of recorded values
    with pytest.raises(InputError, match="clean image of each recording; give it with --pairs"):
        Truth()(scene.record(1), rng)
