"""Maps that lie in space as they like."""

import numpy as np
import pytest
import torch

from pellucid._math.rotations import angle_between, uniform_rotations
from pellucid._math.turn import mirrored
from pellucid.errors import InputError
from pellucid.metrics import fsc
from pellucid.metrics.maps import aligned, half_set_fsc

ALONG = torch.linspace(0, 1, 7)  # a left-handed helix, thinner towards its end
CENTRES = torch.stack((7 * ALONG - 3.5, 3 * (-7 * ALONG).sin(), 3 * (7 * ALONG).cos()), 1)


def blobs(size, rotation=None, shift=0.0):
    """Return a chiral map, exactly turned and then displaced."""
    centres = CENTRES if rotation is None else CENTRES @ rotation.mT + shift
    ramp = torch.arange(size) - size // 2
    place = torch.stack(torch.meshgrid(ramp, ramp, ramp, indexing="ij"), -1).reshape(-1, 1, 3)
    density = (torch.exp(-(place - centres).square().sum(-1) / 4) * (1.3 - ALONG)).sum(-1)
    return density.view(1, 1, size, size, size)


@pytest.mark.parametrize(("size", "other_hand"), [(19, False), (24, True)])
def test_pose_and_hand_are_found(size, other_hand, rng):
    rotation, shift = uniform_rotations(1, rng)[0], torch.tensor([0.7, -1.2, 0.4])
    there = blobs(size, rotation, shift)
    found = aligned(mirrored(there) if other_hand else there, blobs(size), rng)
    assert found.mirrored == other_hand
    assert float(angle_between(found.rotation, rotation.mT)) < 0.01
    torch.testing.assert_close(found.shift, -rotation.mT @ shift, atol=0.02, rtol=0)
    assert found.correlation > 0.999


def test_the_wrong_hand_fits_less(rng):
    there = mirrored(blobs(20, uniform_rotations(1, rng)[0]))
    assert aligned(there, blobs(20), rng, hands=(False,)).correlation < 0.9


def test_half_sets_agree_as_if_they_had_never_been_turned(rng):
    rotation = uniform_rotations(1, rng)[0]
    noise = 0.05 * torch.randn(2, 1, 1, 24, 24, 24, generator=rng)
    expected = fsc(blobs(24) + noise[0], blobs(24) + noise[1])[1]
    found = half_set_fsc(blobs(24) + noise[0], mirrored(blobs(24, rotation)) + noise[1], rng, radius=1.0)
    known = expected > 0.3
    np.testing.assert_allclose(found.correlation[known], expected[known], atol=0.15)
    assert found.resolution == 1 / found.frequency[np.argmax(found.correlation < 0.143)]
    assert found.second.mirrored


def test_noise_agrees_in_the_lowest_shells_only(rng):
    """The search finds some agreement in noise too, where there are few coefficients."""
    found = half_set_fsc(*torch.randn(2, 1, 1, 24, 24, 24, generator=rng), rng)
    assert abs(found.correlation[4:]).max() < 0.2


@pytest.mark.parametrize(("first", "second"), [(8, 9), (8, 0)])
def test_what_cannot_be_aligned_is_refused(first, second, rng):
    other = torch.rand(1, 1, second, second, second, generator=rng) if second else torch.zeros(1, 1, 8, 8, 8)
    with pytest.raises(InputError, match="align"):
        half_set_fsc(torch.rand(1, 1, first, first, first, generator=rng), other, rng)
