import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.data.unpaired import Draws, compared
from pellucid.errors import InputError
from pellucid.noise import Gaussian
from pellucid.operators import Identity


def recorded(*shape):
    return Measurement(y=torch.arange(float(shape[0])).view(-1, 1, 1, 1).expand(shape), operator=Identity())


def test_both_are_drawn_without_repetition_and_by_the_step_alone(rng):
    source = Draws(recorded(6, 1, 4, 4), 10 + torch.arange(5.0).view(-1, 1, 1, 1).expand(5, 1, 4, 4), batch=4)
    batch = source.draw(Step(0, 0.0, rng))
    assert len(batch.y[:, 0, 0, 0].unique()) == len(batch.images[:, 0, 0, 0].unique()) == 4
    assert float(batch.y.max()) < 6 <= 10 <= float(batch.images.min())
    again = source.draw(Step(0, 0.0, torch.Generator().manual_seed(rng.initial_seed())))
    assert torch.equal(batch.y, again.y)


def test_the_noise_comes_along(rng):
    noisy = Measurement(y=torch.zeros(3, 1, 4, 4), operator=Identity(), noise=Gaussian(0.5))
    batch = Draws(noisy, torch.zeros(2, 1, 4, 4)).draw(Step(0, 0.0, rng))
    assert batch.noise is noisy.noise
    assert (len(batch.y), len(batch.images)) == (3, 2)


@pytest.mark.parametrize("shape", [(0, 1, 4, 4), (3, 2, 4, 4), (3, 1, 4)])
def test_what_cannot_be_compared_is_refused(shape):
    with pytest.raises(InputError, match="the same axes and channels"):
        Draws(recorded(6, 1, 4, 4), torch.zeros(shape))


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
