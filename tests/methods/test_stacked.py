from dataclasses import replace

import torch

from pellucid.data.splits import mask_of


def test_the_mixture_is_as_good_as_its_better_part(trained, scene, rng):
    data = scene.record(1)
    never = torch.rand(data.y.shape, generator=rng) < 0.1
    method = trained("stacked", replace(data, weight=~never), 150)
    method.finish(replace(data, weight=never))
    with torch.no_grad():
        image, spread = method.restorer.estimate(data)
        parts = [scene.error(part(data)) for part in (method.model.first, method.model.second)]
    assert float(method.model.weight) < 0.3  # the network errs more after so few steps
    assert scene.error(image) < 1.02 * min(parts)
    assert spread is not None


def test_only_the_network_is_trained_and_all_is_saved(built, scene):
    method = built("stacked", scene.record(1))
    assert {name.split(".")[0] for name, _ in method.model.named_parameters()} == {"first"}
    assert {"weight", "second.correlation", "second.guide.strength"} <= method.model.state_dict().keys()


def test_hidden_all_at_once_the_network_answers_as_in_sixteen_passes(trained, scene, rng):
    """Both leave the pixel out and then use it; what else they leave out differs."""
    data = scene.record(1)
    method = trained("stacked", data, 150)
    places = torch.rand(data.y.flatten(2).shape, generator=rng).argsort(-1)[..., : data.y[0].numel() // 40]
    with torch.no_grad():
        whole, quick = (part.first(data) for part in (method.model, method.model.at([places])))
    at = mask_of(places, data.y)
    assert (whole - quick)[at].square().mean() < 0.1 * (whole - scene.x)[at].square().mean()
    assert torch.equal(quick[~at], data.y[~at])
