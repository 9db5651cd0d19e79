from dataclasses import replace

import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.source import Fixed
from pellucid.data.splits import Reserved, mask_of
from pellucid.errors import InputError
from pellucid.objectives import HeldOut
from pellucid.operators import Identity
from pellucid.restoration import restore
from pellucid.training import Adam, Plan, Validation, fit

SMALL = {"features": 8, "depth": 4, "perturbation": 1e-3}


def one(scene, seed=1) -> Measurement:
    """Return the first image of a scene."""
    given = scene.record(seed)
    return given.with_y(given.y[:1])


def fitted(built, data, steps, validation=None, **settings):
    method = built("deep_image_prior", data, **SMALL | settings)
    plan = Plan(steps=steps, optimisers={"model": Adam(rate=1e-2, warm_up=1)}, averaging=0.5)
    history = fit(method.model, method.stages[0].objective, Fixed(data), plan, validation=validation)
    return method, history


def test_structure_is_fitted_before_noise(built, scene, rng):
    """The paper's figure 2: of one variance, an image is explained in steps that leave white noise as it was."""
    noise = torch.randn(1, 1, 64, 64, generator=rng)
    losses = []
    for y in (scene.x[:1], (noise - noise.mean()) / noise.std()):
        method, _ = fitted(built, Measurement(y=y, operator=Identity()), 40)
        with torch.no_grad():
            losses.append(float((method.restorer(Measurement(y=y, operator=Identity())) - y).square().mean()))
    assert losses[0] < 0.2
    assert losses[1] > 0.8


def test_the_stop_on_unseen_pixels_is_nearer_to_the_truth_than_the_last_step(built, scene, rng):
    """In a run that ends in the noise; and the error there is the true one plus the noise variance (eq. 14)."""
    data = one(scene)
    data = data.with_y(data.y[..., :32, :32])
    x = scene.x[:1, :, :32, :32]
    places = torch.rand(1, 1, 1024, generator=rng).argsort(-1)[..., :100]
    weighted = replace(data, weight=~mask_of(places, data.y))
    split, errors = built("deep_image_prior", data).split, []
    validation = Validation(objective=HeldOut(Reserved(split, places)), source=Fixed(data), interval=10)
    for stop in (validation, None):
        method, history = fitted(built, weighted, 120, stop, features=16, depth=3)
        with torch.no_grad():
            errors.append(float((method.restorer(data) - x).square().mean()))
        if stop:
            assert 10 < history.best < 80
            assert min(row["validation"] for row in history.rows) == pytest.approx(errors[0] + 0.25, rel=0.3)
    assert errors[0] < 0.5 * errors[1]
    assert errors[0] < 0.4 * float((data.y - x).square().mean())


def test_it_never_sees_the_data_and_answers_alike_each_time(built, scene, rng):
    data = one(scene)
    method = built("deep_image_prior", data, **SMALL)
    with torch.no_grad():
        image = method.model(data)
        assert torch.equal(method.model(data.with_y(data.y + 1)), image)
        assert torch.equal(method.model(data, rng), image)  # z is perturbed in a fit only
    assert not torch.equal(method.model(data, rng), image)


def test_a_rebuilt_method_answers_alike(built, scene):
    """From a blank image of another size, as a model package does."""
    data = one(scene)
    data = data.with_y(data.y[..., :40, :50])
    method, _ = fitted(built, data, 5)
    blank = replace(data, y=torch.zeros(1, 1, 64, 64))
    other = built("deep_image_prior", blank, **SMALL)
    state = method.model.state_dict()
    assert {k: v.shape for k, v in state.items()} == {k: v.shape for k, v in other.model.state_dict().items()}
    other.model.load_state_dict(state)
    first, second = (restore(data, m.restorer).image for m in (method, other))
    assert torch.equal(first, second)
    assert first.shape == data.y.shape


def test_another_image_is_refused(built, scene):
    method = built("deep_image_prior", one(scene), **SMALL)
    assert method.restorer.whole
    again = one(scene, seed=2)  # another recording of the same object
    with pytest.raises(InputError, match=r"holds the one image of 64 x 64 pixels .*, but another came"):
        restore(again, method.restorer)
    with pytest.raises(InputError, match=r"64 x 64 pixels .*, but one of 32 x 64 came"):
        restore(again.with_y(again.y[..., :32, :]), method.restorer)


def test_several_images_are_refused(built, scene):
    with pytest.raises(InputError, match="one image in one piece, but 3 of 64 x 64"):
        built("deep_image_prior", scene.record(1))


def test_volumes_of_few_planes_are_fitted_too(built, volume):
    data = one(volume)
    method, _ = fitted(built, data, 60, depth=2)
    with torch.no_grad():
        image = method.restorer(data)
    assert image.shape == data.y.shape
    assert float((image - volume.x[:1]).square().mean()) < 0.8 * float((data.y - volume.x[:1]).square().mean())
