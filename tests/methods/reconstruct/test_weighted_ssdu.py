import itertools
from dataclasses import replace

import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods.reconstruct.weighted_ssdu import Drawn, weighted_l1
from pellucid.operators import Sampling

P = torch.tensor([0.3, 0.5, 1.0, 0.7], dtype=torch.float64).view(1, 1, 4, 1)
RHO = 0.4


def lines(bits):
    return torch.tensor(bits, dtype=torch.bool).view(1, 1, 4, 1)


def chance(bits, p):
    return float(torch.where(lines(bits), p, 1 - p).prod())


def measured(y, bits):
    mask = lines(bits).expand(1, 1, 4, 2)
    return Measurement(y=y * mask, operator=Sampling(mask))


def test_the_expected_gradient_is_the_supervised_one(rng):
    """Over all draws of Ω and Λ: E Σ_Λ w |F(y_Θ) − y| has the gradient of E Σ_{j∉Θ} |F(y_Θ) − y|."""
    y = torch.randn(1, 1, 4, 2, dtype=torch.float64, generator=rng)
    a, b = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.7, -0.3))
    split = Drawn(measured(y, (0, 1, 1, 0)), RHO)
    split.density = P
    losses = torch.zeros(2, dtype=torch.float64)
    scans, draws = itertools.product((0, 1), (0, 1), (1,), (0, 1)), itertools.product((0, 1), repeat=4)
    for omega, drawn in itertools.product(scans, draws):
        given, held = split.divide(measured(y, omega), lines(drawn) & (P < 1))
        explained = a * given.y.roll(1, 2) + b * given.y.sin().roll(2, 2) * given.y.sum()
        absent = ~given.operator.acquired * (explained - y).abs()
        supervised = absent.sum() / given.y.abs().sum()
        own = weighted_l1(held.operator(explained)[:, None], held).sum()
        losses = losses + chance(omega, P) * chance(drawn, torch.full_like(P, RHO)) * torch.stack([own, supervised])
    own, supervised = (torch.stack(torch.autograd.grad(loss, (a, b), retain_graph=True)) for loss in losses)
    torch.testing.assert_close(losses[0], losses[1])
    torch.testing.assert_close(own, supervised)


def test_lines_are_held_as_a_whole_and_those_always_measured_never(slices, rng):
    split = Drawn(slices.recording, RHO)
    split.settle([slices.recording])
    given, held = split(slices.recording, rng)
    hidden = (held.weight > 0).expand(-1, 1, 32, 32)
    assert torch.equal(hidden, hidden[..., :1].expand_as(hidden))
    assert not bool((hidden & (split.density == 1)).any())
    assert torch.equal(given.operator.acquired, slices.recording.operator.acquired & ~hidden)
    assert float(given.y.abs()[hidden.expand_as(given.y)].amax()) == 0


def test_the_density_is_counted_over_all_scans(slices):
    split = Drawn(slices.recording, RHO)
    halves = [
        Measurement(y=slices.recording.y[part], operator=slices.recording.operator[part])
        for part in (torch.arange(3), torch.arange(3, 8))
    ]
    split.settle(halves)
    often = slices.recording.operator.mask.mean(0, keepdim=True)[..., :1].double()
    torch.testing.assert_close(split.density, often)


def test_sampling_that_never_varies_is_refused(slices, built):
    same = replace(slices.recording, operator=slices.recording.operator[torch.zeros(8, dtype=torch.long)])
    with pytest.raises(InputError, match="use ssdu"):
        built("weighted_ssdu", same).stages[0].source([same])


def test_scans_of_two_sizes_are_refused(slices):
    small = Measurement(y=torch.ones(1, 4, 8, 8), operator=Sampling(torch.ones(1, 1, 8, 8)))
    with pytest.raises(InputError, match="one matrix size"):
        Drawn(slices.recording, RHO).settle([slices.recording, small])


def test_a_few_steps_bring_the_image_nearer_to_the_truth(slices, built, learn, error):
    method = built("weighted_ssdu", slices.recording)
    before = error(method)
    learn(method, [slices.recording], 30)
    assert error(method) < 0.95 * before
