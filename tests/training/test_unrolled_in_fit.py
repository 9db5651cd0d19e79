"""Scans of two sizes, samples that are hidden anew at every step, an unrolled network: stopped, and gone on."""

import pytest
import torch
from torch import nn

from pellucid.data.measurement import Measurement
from pellucid.data.sampling import RandomSampling
from pellucid.data.scans import Scans
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.data.simulate.sampling import regular_lines
from pellucid.data.source import Fixed
from pellucid.networks import ResNet
from pellucid.objectives import HeldOut, normalised_l1_l2
from pellucid.operators import Sense
from pellucid.restorers import Unrolled
from pellucid.training import Adam, Plan, Validation, fit

STEPS = 10


def scan(size, rng):
    operator = Sense(birdcage_coils(3, (size, size)), regular_lines((size, size), 2, 6))
    y = operator(1 + 0.3 * torch.randn(3, 1, size, size, dtype=torch.complex64, generator=rng))
    return Measurement(y=y, operator=operator)


@pytest.fixture
def trained(rng):
    """Return a function that trains from the same start, and its weights and rows without the clock."""
    scans = [scan(size, rng) for size in (12, 16)]
    judge = HeldOut(RandomSampling(0.2, masks=1), normalised_l1_l2)
    validation = Validation(objective=judge, source=Fixed(scans[0]), interval=4)

    def train(*, checkpoint=None, checkpointing=None, **options):
        network = ResNet(2, features=4, blocks=1, tied=True).initialise(torch.Generator().manual_seed(1))
        model = Unrolled(network, unrolls=2, iterations=4, checkpointing=checkpointing)
        plan = Plan(
            steps=STEPS, seed=5, optimisers={"model": Adam(rate=3e-3, warm_up=1)}, precision=None, checkpoint=checkpoint
        )
        objective = HeldOut(RandomSampling(0.4, density="gaussian", centre=2), normalised_l1_l2)
        history = fit(model, objective, Scans(scans, batch=2), plan, validation=validation, **options)
        rows = [{name: value for name, value in row.items() if name != "seconds"} for row in history.rows]
        return nn.utils.parameters_to_vector(model.parameters()).detach(), rows, history

    return train


@pytest.mark.parametrize("count", [3, 8])
def test_a_run_that_was_stopped_goes_on_to_the_bit(count, trained, after, tmp_path):
    """Whether or not there was memory for all activations in the second part."""
    kept = tmp_path / "state.safetensors"
    weights, rows, whole = trained(checkpointing=False)
    _, _, part = trained(checkpoint=kept, checkpointing=False, cancel=after(count))
    assert (part.status, part.steps) == ("cancelled", count)
    rest, again, history = trained(checkpoint=kept, checkpointing=True, resume=kept)
    assert torch.equal(rest, weights)
    assert again == rows
    assert (history.status, history.best) == (whole.status, whole.best)


def test_it_learns(trained):
    _, rows, history = trained()
    assert history.lowest < rows[0]["validation"]
