import math

import pytest
import torch

from pellucid.errors import InputError
from pellucid.operators import Blur
from pellucid.operators.radon import Radon
from pellucid.operators.random import BlockedPatch, DroppedPixels, Known, RandomViews

ONES = torch.ones(4000, 2, 5, 6)


def test_pixels_are_dropped_independently_with_their_probability(rng):
    y = DroppedPixels((5, 6), 0.3).draw(4000, rng)(ONES)
    assert torch.equal(y[:, 0], y[:, 1])
    seen = y[:, 0].flatten(1)
    assert bool(((seen == 0) | (seen == 1)).all())
    torch.testing.assert_close(seen.mean(0), torch.full((30,), 0.7), atol=5 * math.sqrt(0.21 / 4000), rtol=0)
    torch.testing.assert_close(seen.T.cov(), 0.21 * torch.eye(30), atol=5 * 0.21 / math.sqrt(4000), rtol=0)


def test_one_patch_is_blocked_wherever_it_fits(rng):
    blocked = BlockedPatch((5, 6), 3).draw(4000, rng)(ONES)[:, 0] == 0
    assert bool((blocked.sum((1, 2)) == 9).all())
    assert bool((blocked.any(2).sum(1) == 3).all())
    assert bool((blocked.any(1).sum(1) == 3).all())
    corner = blocked[:, 0, 0].float().mean()  # one of 3 x 4 places
    assert float(corner) == pytest.approx(1 / 12, abs=5 * math.sqrt(11) / 12 / math.sqrt(4000))


def test_blocks_of_volumes(rng):
    y = BlockedPatch((4, 5, 6), 2).draw(3, rng)(torch.ones(3, 1, 4, 5, 6))
    assert (y == 0).sum((1, 2, 3, 4)).tolist() == [8, 8, 8]


def test_a_known_instrument_is_always_the_same(rng):
    blur = Blur(torch.ones(1, 1, 3, 3) / 9)
    assert Known(blur).draw(7, rng) is blur


def test_views_are_projections_that_tell_their_direction(rng):
    x = torch.rand(300, 2, 6, 6, generator=rng)
    view = RandomViews((6, 6)).draw(300, rng)
    y = view(x)
    assert y.shape == (300, 4, 9)
    angles = torch.atan2(y[:, 3, 0], y[:, 2, 0])
    torch.testing.assert_close(y[:, :2, None], Radon(angles[:, None], space=(6, 6), detector=9)(x), rtol=0, atol=1e-4)
    assert torch.equal(y[:, 2:], y[:, 2:, :1].expand(-1, -1, 9))
    for harmonic in (1, 2):  # all directions alike
        assert float(torch.polar(torch.ones(300), harmonic * angles).mean().abs()) < 3 / math.sqrt(300)
    torch.testing.assert_close(view.backproject(y), view.radon.backproject(y[:, :2, None]))


@pytest.mark.parametrize("prior", [DroppedPixels((5, 6), 0.5), BlockedPatch((5, 6), 2)])
def test_draws_follow_from_the_generator(prior):
    one, again, other = (prior.draw(9, torch.Generator().manual_seed(seed)).keep for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("part", [-0.1, 1.0, math.nan])
def test_a_part_that_leaves_nothing_is_refused(part):
    with pytest.raises(InputError, match="below 1"):
        DroppedPixels((5, 6), part)


@pytest.mark.parametrize("side", [0, 5])
def test_a_patch_that_does_not_fit_is_refused(side):
    with pytest.raises(InputError, match="smaller than the image"):
        BlockedPatch((5, 6), side)
