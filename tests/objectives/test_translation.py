import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from pellucid.data.measurement import Unpaired
from pellucid.data.source import Step
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.objectives.pool import Pool, Remembering
from pellucid.objectives.translation import Salient, Translation
from pellucid.operators import Identity
from pellucid.restorers import Enhancer
from pellucid.restorers.transport import Transport

BRIGHT, DARK = Salient(0.1, bright=True), Salient(0.1, bright=False)


class Gain(nn.Module):
    """y -> a y."""

    def __init__(self, gain):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain))

    def forward(self, y):
        return self.gain * y


def maps(gain):
    """Return y -> a y, and its inverse."""
    return Transport(Enhancer(Gain(gain)), Gain(1 / gain))


def objective(salient, **weights):
    return Translation(nn.Flatten(), nn.Flatten(), DIVERGENCES["least_squares"], salient, **weights)


@pytest.fixture
def batch(rng):
    y, x = torch.rand(2, 4, 1, 8, 8, generator=rng) * 2 - 1
    return Unpaired(y=y, images=x, operator=Identity())


def test_content_is_what_lies_beyond_the_threshold():
    x = torch.tensor([-0.9, 0.1, 0.9]).view(1, 1, 1, 3)
    assert torch.allclose(BRIGHT(x).flatten(), torch.tensor([0.0, 0.5, 1.0]), atol=1e-6)
    assert torch.allclose(DARK(x).flatten(), torch.tensor([1.0, 0.5, 0.0]), atol=1e-6)
    assert torch.allclose(BRIGHT(torch.cat([x - 0.2, x + 0.2], 1)), BRIGHT(x), atol=1e-4)


@pytest.mark.parametrize("gain", [1.0, -1.0, 0.3])
def test_it_is_the_same_when_both_kinds_flip_their_polarity(gain, batch, rng):
    step = Step(0, 0.0, rng)
    found = [
        objective((x, y)).terms(maps(gain), batch, step)["saliency"].item() for x, y in ((BRIGHT, DARK), (DARK, BRIGHT))
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-4, abs=1e-4)


def test_the_cycle_cannot_see_a_swap_and_the_constraint_does(batch, rng):
    same, swapped = (objective((BRIGHT, BRIGHT)).terms(maps(g), batch, Step(0, 0.0, rng)) for g in (1.0, -1.0))
    assert same["cycle"].item() == swapped["cycle"].item() == 0
    assert same["saliency"].item() == 0
    assert swapped["saliency"].item() > 50


def test_each_kind_of_images_has_its_own_content(batch, rng):
    """x = -y / 2 is above 0.1, at twice the sharpness, where y is below -0.2."""
    images, recordings = Salient(0.1, bright=True, sharpness=200.0), Salient(-0.2, bright=False)
    meant = objective((images, recordings)).terms(maps(-0.5), batch, Step(0, 0.0, rng))
    assert meant["saliency"].item() == pytest.approx(0, abs=1e-3)


def test_the_constraint_fades(batch, rng):
    early, late = (
        objective((BRIGHT, BRIGHT), fading=0.25).terms(maps(-1.0), batch, Step(0, at, rng))["saliency"]
        for at in (0.0, 0.5)
    )
    assert (late / early).item() == pytest.approx(math.exp(-2), rel=1e-5)


def test_the_identity_holds_for_both_maps(batch, rng):
    terms = objective(None, identity=2.0).terms(maps(0.5), batch, Step(0, 0.0, rng))
    assert set(terms) == {"cycle", "images", "recordings", "identity", "identity_back"}
    assert terms["identity"].item() == pytest.approx(2 * 0.5 * float(batch.images.abs().mean()), rel=1e-5)
    assert terms["identity_back"].item() == pytest.approx(2 * float(batch.y.abs().mean()), rel=1e-5)


def test_a_critic_with_a_pool_is_taught_by_what_was_made_before(batch, rng):
    """A large pool is full of threes: half of what the critic is told to be made has the value three."""
    critic, count = Remembering(nn.Flatten(), Pool((1, 8, 8), size=1000)), 256
    critic.pool.kept.fill_(3.0)
    critic.pool.count.fill_(1000)
    many = replace(batch, y=0 * batch.y.repeat(count // 4, 1, 1, 1), images=batch.images.repeat(count // 4, 1, 1, 1))
    losses = Translation(critic, nn.Flatten(), DIVERGENCES["wasserstein"])
    found = losses.critic_terms(maps(1.0), many, Step(0, 0.0, rng))
    told = float(many.images.mean() - found["image_wasserstein"])
    assert told == pytest.approx(1.5, abs=4 * 1.5 / count**0.5)
    kept = critic.pool.kept.flatten(1).mean(1)
    assert int((kept == 0).sum()) == pytest.approx(count / 2, abs=4 * 0.5 * count**0.5)
    assert float(found["recording_wasserstein"]) == pytest.approx(-float(many.images.mean()), abs=1e-5)
