"""MRI-GAN: why another scan must measure again, that it does, and that something is learned of it."""

from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch import nn

from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.methods.reconstruct.mri_gan import DistanceAgain, Remeasured, Seen
from pellucid.networks import PatchCritic, initialise
from pellucid.noise import Gaussian
from pellucid.operators.mri import Sense
from pellucid.training import Adam, Plan, fit


def step(index=0):
    return Step(index, 0.0, torch.Generator().manual_seed(index))


def one_coil(slices):
    """Return slices that one coil saw without noise."""
    operator = Sense(torch.ones(1, 1, 32, 32, dtype=torch.complex64), slices.recording.operator.mask)
    return Measurement(y=operator(slices.truth), operator=operator)


def test_another_instrument_sees_what_its_own_is_blind_to(slices):
    """The zero-filled image explains its data: measured by the same samples it is perfect, by other ones it is not."""
    scans, seen, rng = one_coil(slices), Seen(1.0), torch.Generator()
    other = replace(scans, operator=scans.operator[torch.arange(8).roll(1)])
    invented = scans.operator.adjoint(scans.y)
    expected = [seen(batch, batch.operator(slices.truth)) for batch in (scans, other)]
    torch.testing.assert_close(seen.again(invented, scans, rng), expected[0])
    torch.testing.assert_close(seen.again(slices.truth, other, rng), expected[1])
    assert float((seen.again(invented, other, rng) - expected[1]).norm() / expected[1].norm()) > 0.1


def test_scans_and_instruments_are_drawn_independently(slices):
    scans = slices.recording
    source, pairs = Remeasured([scans], Seen(1.0), batch=2), Counter()
    masks = scans.operator.mask[:, 0, :, 0]
    for index in range(320):
        batch = source.draw(step(index))
        rows = [(m.operator.mask[:, None, 0, :, 0] == masks).all(2).long().argmax(1) for m in (batch.shots[0], batch)]
        pairs.update(zip(*(r.tolist() for r in rows), strict=True))
    counts = torch.tensor([pairs[i, j] for i in range(8) for j in range(8)], dtype=torch.float64)
    assert counts.sum() == 640
    assert float(((counts - 10).square() / 10).sum()) < 63 + 4 * (2 * 63) ** 0.5  # chi squared


def test_noise_is_added_again_where_it_is_known(slices):
    scans = replace(slices.recording, noise=Gaussian(0.05))
    batch, (x, seen) = Remeasured([scans], Seen(1.0)).draw(step()), (slices.truth[:4], Seen(1.0))
    once, again = (seen.again(x, batch, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert float((once - again).norm() / once.norm()) > 0.02


class Bright(nn.Module):
    """A reconstruction of full recordings, in the wrong unit."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(0.5))

    def forward(self, given):
        return self.gain * given.operator.adjoint(given.y)


class Full(Remeasured):
    """All samples."""

    def __post_init__(self):
        pass


def test_a_few_steps_find_the_unit(slices):
    """No image is compared with another: only what critics see of a batch."""
    patches = initialise(PatchCritic(2, features=4, halvings=2), torch.Generator().manual_seed(0))
    model, seen = Bright(), Seen(float(slices.truth.abs().square().mean().sqrt()))
    adam = Adam(rate=5e-2, betas=(0.5, 0.9), warm_up=1)
    plan = Plan(steps=25, optimisers={"model": adam, "critic": adam}, averaging=0.9)
    fit(model, DistanceAgain(patches, seen), Full([slices.full], seen), plan)
    assert model.gain.item() == pytest.approx(1.0, abs=0.15)


def learned(built, slices, **given):
    method = built("mri_gan", slices.recording, **given)
    assert "may be usual, and not there" in method.warnings[0]
    (stage,) = method.stages
    plan = Plan(steps=2, optimisers={"model": stage.adam, "critic": stage.critic})
    history = fit(stage.model, stage.objective, stage.source([slices.recording]), plan)
    return history, torch.cat([p.detach().flatten() for p in method.model.parameters()])


def test_a_seed_repeats_to_the_bit_and_the_data_term_counts(built, slices):
    (plain, one), (_, again), (bound, other) = (learned(built, slices, data=d) for d in (0.0, 0.0, 1.0))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert {"generator", "critic", "penalty", "wasserstein"} <= plain.rows[-1].keys()
    assert bound.rows[-1]["data"] > 0


def test_sampling_that_does_not_vary_is_refused(slices, built):
    same = replace(slices.recording, operator=slices.recording.operator[torch.zeros(8, dtype=torch.long)])
    method = built("mri_gan", same)
    given, _ = method.split(same, torch.Generator())  # less what validates, which is not the same in all
    for scans in (same, given):
        with pytest.raises(InputError, match="use ssdu"):
            method.stages[0].source([scans])


def test_scans_of_two_sizes_are_refused(slices):
    small = Measurement(y=torch.ones(1, 4, 8, 8), operator=Sense(torch.ones(1, 4, 8, 8, dtype=torch.complex64)))
    with pytest.raises(InputError, match="one matrix size"):
        Remeasured([slices.recording, small], Seen(1.0))


def test_images_smaller_than_a_patch_are_refused(built):
    maps = torch.ones(1, 1, 12, 12, dtype=torch.complex64)
    with pytest.raises(InputError, match="give 16 or more"):
        built("mri_gan", Measurement(y=torch.ones(1, 1, 12, 12, dtype=torch.complex64), operator=Sense(maps)))
