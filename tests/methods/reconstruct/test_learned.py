from dataclasses import replace

import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.methods.reconstruct.learned import doubts, unrolled
from pellucid.operators import Identity
from pellucid.operators.mri import Sense


@pytest.mark.parametrize(("preset", "count"), [("paper", 592_129), ("lite", 12_097), ("auto", 12_097)])
def test_a_preset_has_so_many_parameters(preset, count, slices, rng):
    assert sum(p.numel() for p in unrolled(slices.recording, rng, preset).parameters()) == count


def test_real_images_have_one_channel(rng):
    real = Measurement(y=torch.randn(2, 1, 8, 8, generator=rng), operator=Identity())
    assert unrolled(real, rng)(real).shape == real.y.shape


def test_one_coil_that_always_sees_the_same_is_warned_of(slices):
    coils, mask = slices.recording.operator.coil_maps[:, :1], slices.recording.operator.mask
    varied = replace(slices.recording, y=slices.recording.y[:, :1], operator=Sense(coils, mask))
    fixed = replace(varied, operator=Sense(coils, mask[:1]))
    whole = replace(fixed, operator=Sense(coils))
    assert doubts([slices.recording]) == doubts([varied]) == doubts([whole]) == doubts([fixed, varied]) == ()
    assert "single coil" in doubts([fixed, fixed])[0]
