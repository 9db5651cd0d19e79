from dataclasses import replace

import pytest
import torch

from pellucid.data.measurement import Repeated
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.operators import Identity


def pairs(slices):
    return Repeated.of((slices.recording, slices.full))


def test_a_recording_and_its_reference_are_the_same_slices(slices, built):
    source = built("supervised_unrolled", slices.recording).stages[0].source([pairs(slices), pairs(slices)])
    drawn = source.draw(Step(0, 0.0, torch.Generator().manual_seed(5)))
    given, held = drawn.shots
    assert given.numbers == held.numbers
    torch.testing.assert_close(held.y * given.operator.acquired, given.y)


def test_samples_that_only_validate_are_not_given(slices, built):
    method = built("supervised_unrolled", slices.recording)
    given, held = method.split(pairs(slices), torch.Generator().manual_seed(0))
    drawn = method.stages[0].source([given]).draw(Step(0, 0.0, torch.Generator().manual_seed(5)))
    hidden = held.weight[list(drawn.shots[0].numbers)] > 0
    assert float(drawn.shots[0].y.abs()[hidden.expand_as(drawn.y)].amax()) == 0


@pytest.mark.parametrize("where", ["k-space", "image"])
def test_a_few_steps_bring_the_image_nearer_to_the_truth(where, slices, built, learn, error):
    clean = replace(slices.full, y=slices.truth, operator=Identity())
    reference = {"k-space": slices.full, "image": clean}[where]
    method = built("supervised_unrolled", slices.recording)
    before = error(method)
    learn(method, [Repeated.of((slices.recording, reference))], 30)
    assert error(method) < 0.95 * before


def test_without_a_reference_it_is_refused(slices, built):
    with pytest.raises(InputError, match="full recording"):
        built("supervised_unrolled", slices.recording).stages[0].source([slices.recording])
