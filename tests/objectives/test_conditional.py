import math

import pytest
import torch
from torch import nn

from pellucid.data.measurement import Measurement, Paired
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.objectives.conditional import ConditionalDistance, absolute, spectral
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.operators import Identity
from pellucid.restorers import Regularised


class Agreement(nn.Module):
    """The mean product of an image and what it was made from."""

    def forward(self, both):
        return (both[:, :1] * both[:, 1:]).flatten(1).mean(1, keepdim=True)


def test_a_critic_tells_an_image_that_belongs_to_another_recording(rng):
    """The images of both models have the same distribution; only one of them belongs to its recording."""
    y = torch.randn(256, 1, 4, 4, generator=rng)
    batch = Paired(y=y, truth=y, operator=Identity())
    objective = ConditionalDistance(Agreement(), DIVERGENCES["wasserstein"], absolute)
    right, other = (Regularised(lambda given, by: given.y.roll(int(by), 0), by) for by in (0.0, 1.0))
    found = [objective.critic_terms(objective.critic, m, batch, Step(0, 0.0, rng)) for m in (right, other)]
    assert float(found[0]["critic"]) == 0
    assert float(found[1]["critic"]) == pytest.approx(-1.0, abs=0.1)
    assert found[1]["wasserstein"] == -found[1]["critic"]
    generator = [float(objective.terms(m, batch, Step(0, 0.0, rng))["generator"]) for m in (right, other)]
    assert generator == pytest.approx([-1.0, 0.0], abs=0.1)


@pytest.mark.parametrize("cycles", [1, 4, 8])
def test_a_grating_counts_by_its_frequency(cycles):
    """A cosine of amplitude a is two peaks of a N / 2 in the unitary transform of N x N pixels."""
    wave = 0.3 * torch.cos(2 * math.pi * cycles * torch.arange(16) / 16).expand(1, 1, 16, 16)
    peaks = (2 if cycles < 8 else 1) * (0.3 * 16 / (2 if cycles < 8 else 1)) * (cycles / 8) / 256
    assert float(spectral(wave, 0 * wave)) == pytest.approx(float(wave.abs().mean()) + peaks, rel=1e-4)


def test_the_weights_count(rng):
    batch = Paired(y=torch.zeros(2, 1, 4, 4), truth=torch.ones(2, 1, 4, 4), operator=Identity())
    model = Regularised(lambda given, _: given.y, 0.0)
    objective = ConditionalDistance(Agreement(), DIVERGENCES["least_squares"], absolute, weight=7.0, adversarial=3.0)
    terms = objective.terms(model, batch, Step(0, 0.0, rng))
    assert {name: float(value) for name, value in terms.items()} == {"content": 7.0, "generator": 1.5}


def test_pairs_are_asked_for(rng):
    lone = Measurement(y=torch.zeros(2, 1, 4, 4), operator=Identity())
    objective = ConditionalDistance(None, DIVERGENCES["gan"], absolute)
    with pytest.raises(InputError, match="learns from pairs"):
        objective.terms(Regularised(lambda given, _: given.y, 0.0), lone, Step(0, 0.0, rng))
