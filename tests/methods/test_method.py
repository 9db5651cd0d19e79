"""What every method does, whichever exist."""

import pytest
import torch

from pellucid import methods
from pellucid.metrics import psnr
from pellucid.objectives import Objective
from pellucid.restorers import Restorer

NAMES = [name for name in methods.names() if methods.card(name).needs != "series"]  # those have tests of their own


@pytest.mark.parametrize("name", NAMES)
def test_a_few_steps_beat_the_noisy_image(name, scene, trained):
    scene = scene.of(name)
    method = trained(name, scene.suited(name), 120)
    given = scene.record(1)
    with torch.no_grad():
        image = method.restorer(given)
    noisy, restored = (float(psnr(y, scene.x, data_range=4.0)) for y in (given.y, image))
    assert restored > noisy + 3


@pytest.mark.parametrize("name", NAMES)
def test_volumes_and_batches_are_restored_too(name, volume, trained):
    volume = volume.of(name)
    steps = 150 if name == "divnoising" else 60  # nothing passes before there is a code
    method = trained(name, volume.suited(name), steps)
    given = volume.record(1)
    with torch.no_grad():
        image = method.restorer(given)
        alone = method.restorer(given.with_y(given.y[-1:]))
    assert image.shape == volume.x.shape
    torch.testing.assert_close(image[-1:], alone, atol=1e-5, rtol=1e-5)
    assert volume.error(image) < 0.8 * volume.error(given.y)


@pytest.mark.parametrize("name", NAMES)
def test_the_parts_of_a_method_fit_together(name, scene, built):
    scene = scene.of(name)
    data = scene.suited(name)
    method = built(name, data)
    assert method.card == methods.card(name)
    assert all(isinstance(part, Restorer) for part in (method.model, method.restorer))
    assert (method.prior is None) == (method.split is None)
    if method.prior is not None:
        given, held = method.split(data, torch.Generator().manual_seed(0))
        moments = method.prior.explain(given)
        assert [*moments.shape] in ([*data.y.shape[:1], moments, *data.y.shape[1:]] for moments in (1, 2))
        assert held.weight is None or held.weight.sum() > 0
    _, spread = method.restorer.estimate(scene.record(1))
    assert spread is not None or method.card.gives != "image, spread"
    for stage in method.stages:
        assert isinstance(stage.objective, Objective)
        period = stage.model.stride(2) if isinstance(stage.model, Restorer) else (1, 1)
        assert all(0 < n <= 64 and n % p == 0 for n, p in zip(stage.patch, period, strict=True))
    assert bool(method.stages) == any(p.requires_grad for p in method.model.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_builds_the_same_method(name, scene, built):
    first, second = (built(name, scene.of(name).suited(name)).model.state_dict() for _ in range(2))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)
