from dataclasses import replace

import torch


def test_the_mixture_is_as_good_as_its_better_part(trained, scene, rng):
    data = scene.record(1)
    never = torch.rand(data.y.shape, generator=rng) < 0.1
    method = trained("stacked", replace(data, weight=~never), 150)
    method.finish(replace(data, weight=never))
    with torch.no_grad():
        image, spread = method.restorer.estimate(data)
        parts = [scene.error(part(data)) for part in (method.model.first, method.model.second)]
    assert 0.0 < float(method.model.weight) < 1.0
    assert scene.error(image) < 1.02 * min(parts)
    assert spread is not None


def test_only_the_network_is_trained_and_all_is_saved(built, scene):
    method = built("stacked", scene.record(1))
    assert {name.split(".")[0] for name, _ in method.model.named_parameters()} == {"first"}
    assert {"weight", "second.correlation", "second.guide.strength"} <= method.model.state_dict().keys()
