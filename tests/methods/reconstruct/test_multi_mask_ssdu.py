import pytest
import torch

from pellucid.data.scans import chosen


def hidden(method, slices, row, seed):
    """Return what of a slice is held at a step."""
    one = chosen(slices.recording, torch.tensor([row]), (row,))
    _, held = method.stages[0].objective.split(one, torch.Generator().manual_seed(seed))
    return held.weight > 0


@pytest.mark.parametrize(("settings", "count"), [({"masks": 3}, 3), ({"fresh": True}, 20)])
def test_a_slice_has_as_many_divisions_as_asked_for(settings, count, slices, built):
    method = built("multi_mask_ssdu", slices.recording, **settings)
    seen = {tuple(hidden(method, slices, 2, seed).flatten().tolist()) for seed in range(20)}
    assert len(seen) == count


def test_every_sample_outside_the_centre_is_a_target_of_some_division(slices, built):
    method = built("multi_mask_ssdu", slices.recording, masks=32)
    targets = torch.stack([hidden(method, slices, 0, seed) for seed in range(200)]).any(0)
    acquired = slices.recording.operator.acquired[:1]
    assert not bool((targets & ~acquired).any())
    assert int((acquired & ~targets).sum()) == 16


def test_a_few_steps_bring_the_image_nearer_to_the_truth(slices, built, learn, error):
    method = built("multi_mask_ssdu", slices.recording)
    before = error(method)
    learn(method, [slices.recording], 30)
    assert error(method) < 0.95 * before
