import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.data.unpaired import Cuts, compared
from pellucid.errors import InputError
from pellucid.noise import Gaussian
from pellucid.operators import Identity


@pytest.mark.parametrize(
    ("clean", "sentence"),
    [
        (torch.rand(1, 1, 7, 20), "The clean images measure 7 x 20 pixels, but the critic and the instrument need 8"),
        (torch.zeros(1, 1, 16, 16), "the same everywhere"),
        (torch.full((1, 1, 16, 16), torch.nan), "NaN"),
        (-(torch.arange(256.0).view(1, 1, 16, 16) > 250).float() + 1, "dark on bright: invert"),
    ],
)
def test_what_a_critic_cannot_compare_is_refused(clean, sentence):
    recordings = (torch.arange(256.0).view(1, 1, 16, 16) > 240).float()
    compared(recordings, [recordings], (8, 8))
    with pytest.raises(InputError, match=sentence):
        compared(recordings, [clean], (8, 8))


def test_patches_of_a_step_are_of_one_recording_and_follow_from_it(rng):
    recordings = [
        Measurement(y=torch.full((2, 1, 9, 12), k), operator=Identity(), noise=Gaussian(k)) for k in (1.0, 2.0)
    ]
    images = [torch.arange(160.0).view(1, 1, 10, 16), torch.arange(160.0).view(1, 1, 16, 10)]
    source, seen = Cuts(recordings, images, (6, 8), 5), set()
    for index in range(8):
        batch = source.draw(Step(index, 0.0, rng.manual_seed(index)))
        assert batch.y.shape == batch.images.shape == (5, 1, 6, 8)
        assert batch.y.unique() == batch.noise.sigma
        seen.add(float(batch.y.max()))
    assert seen == {1.0, 2.0}
    assert torch.equal(batch.images, source.draw(Step(7, 0.0, rng.manual_seed(7))).images)
    steps = (batch.images[..., 1:] - batch.images[..., :-1]).abs()
    assert torch.equal(steps, torch.ones_like(steps))
