import itertools
import math
from dataclasses import replace

import pytest
import torch

from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.prepare.density import density_compensation
from pellucid.data.simulate.brains import random_brain
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.data.simulate.trajectories import spiral
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.methods.reconstruct.noise2noise import Sets, Together
from pellucid.objectives.energy import energy
from pellucid.operators.mri import CoilMaps, Sense
from pellucid.operators.nufft import NonUniformFourier
from pellucid.operators.trajectories import GOLDEN_ANGLE, radial_trajectory
from pellucid.restorers import Restorer

SIZE, SPOKES = 24, 8


def steps(count):
    return [Step(i, 0.0, torch.Generator().manual_seed(i)) for i in range(count)]


class Guess(Restorer):
    """The same image, whatever was measured."""

    def __init__(self, image):
        super().__init__()
        self.image = image

    def forward(self, given, rng=None):
        return self.image


def cartesian(x, mask, noise=0.0):
    operator = Sense(birdcage_coils(2, x.shape[2:]).to(x.dtype), mask)
    return Measurement(y=operator(x) + mask * noise, operator=operator)


def test_the_weighted_risk_is_the_supervised_one(rng):
    """Over all sets of the middle and two of the other five lines, and noise w and −w: exactly, in one coil unit.

    E‖W (y′ − H′ F)‖² = ‖F − x‖² + E‖W w′‖², which fails without the weights 1 / p.
    """
    x, guess = (torch.randn(1, 1, 6, 4, dtype=torch.complex128, generator=rng) for _ in range(2))
    w = 0.3 * torch.randn(1, 2, 6, 4, dtype=x.dtype, generator=rng)
    masks = []
    for lines in itertools.combinations((0, 1, 2, 4, 5), 2):
        mask = torch.zeros(1, 1, 6, 4, dtype=torch.float64)
        mask[..., [3, *lines], :] = 1
        masks.append(mask)
    pairs = [
        Repeated.of((cartesian(x, a), cartesian(x, b, sign * w))) for a in masks for b in masks for sign in (-1, 1)
    ]
    sets = Sets()
    sets.settle(pairs)
    for weighted in (True, False):
        risk = 0.0
        for pair in pairs:
            held = pair.shots[1]
            held = replace(held, weight=sets.weight(held)) if weighted else held
            risk += float(energy(held.operator(guess)[:, None], held)) * held.y.numel() / len(pairs)
        probability = sum(mask / len(masks) for mask in masks)
        supervised = (guess - x).abs().square().sum() + (w.abs().square() * (probability > 0)).sum()
        assert (abs(risk / float(supervised) - 1) < 1e-6) == weighted


def radial(x, turn, noise=0.0):
    angles = GOLDEN_ANGLE * (torch.arange(SPOKES) + turn)
    points = radial_trajectory(2 * SIZE, angles, centre=SIZE)
    density = density_compensation(points, (SIZE, SIZE))
    fourier = NonUniformFourier(points, space=(SIZE, SIZE), eps=1e-4, density=density)
    operator = fourier @ CoilMaps(birdcage_coils(3, (SIZE, SIZE)))
    y = operator(x)
    drawn = torch.randn(y.shape, dtype=y.dtype, generator=torch.Generator().manual_seed(int(turn)))
    return Measurement(y=y + noise * drawn, operator=operator)


@pytest.fixture(scope="module")
def pairs():
    """Return two noisy sets of spokes of each of two heads, and the heads."""
    x = torch.cat([random_brain(SIZE, torch.Generator().manual_seed(i), details=4) for i in range(2)])
    return x, [Repeated.of(tuple(radial(x[i : i + 1], 50 * i + turn, 0.2) for turn in (0, 20))) for i in (0, 1)]


def test_each_set_keeps_its_own_instrument(pairs):
    x, _ = pairs
    both = Repeated.of((radial(x[:1], 0), radial(x[:1], 20)))
    firsts = set()
    for step in steps(8):
        given, held = Sets()(both, step.rng)
        torch.testing.assert_close(given.operator(x[:1]), given.y)
        torch.testing.assert_close(held.operator(x[:1]), held.y)
        firsts.add(torch.equal(given.y, both.shots[0].y))
    assert firsts == {True, False}


def test_one_set_is_dealt_into_halves_of_whole_spokes(pairs):
    _, (pair, _) = pairs
    one = pair.shots[0]
    given, held = Sets(2 * SIZE)(one, torch.Generator().manual_seed(1))
    seen, kept = (part.operator.acquired[0, 0].view(SPOKES, 2 * SIZE) for part in (given, held))
    assert torch.equal(seen, ~kept)
    assert (seen.all(1) | ~seen.any(1)).all()
    assert seen.all(1).sum() == SPOKES // 2
    assert torch.equal(given.y != 0, seen.view(1, 1, -1).expand_as(one.y))
    assert torch.equal(held.weight > 0, kept.view(1, 1, -1))


def test_what_validates_is_in_neither_set(pairs, built):
    _, (pair, _) = pairs
    split = built("noise2noise", pair, preset="lite").split
    given, held = split(pair, torch.Generator().manual_seed(0))
    for before, after, hidden in zip(pair.shots, given.shots, held.shots, strict=True):
        gone = ~after.operator.acquired
        assert gone.sum() == pytest.approx(0.1 * SPOKES * 2 * SIZE, abs=1)
        assert torch.equal(hidden.weight > 0, gone)
        assert torch.equal(after.y, before.y.masked_fill(gone, 0))


def test_two_sets_are_one_instrument(pairs, rng):
    _, (pair, _) = pairs
    together = Together([each.operator for each in pair.shots])
    images = [each.operator.backproject(each.y) for each in pair.shots]
    y = torch.cat([each.y for each in pair.shots], 1)
    torch.testing.assert_close(together.backproject(y), (images[0] + images[1]) / 2)


def test_a_few_steps_come_nearer_to_the_truth(pairs, built, learn):
    x, data = pairs
    method = built("noise2noise", data[0], preset="lite")

    @torch.no_grad()
    def error():
        return sum(float((method.restorer(d) - x[i : i + 1]).abs().square().mean()) for i, d in enumerate(data))

    before = error()
    learn(method, data, 20)
    assert error() < 0.95 * before


def test_one_set_trains_on_its_halves(slices, built, learn, error):
    method = built("noise2noise", slices.recording)
    before = error(method)
    learn(method, [slices.recording], 30)
    assert error(method) < 0.97 * before


def test_a_readout_that_does_not_fit_is_refused(pairs, built):
    _, (pair, _) = pairs
    with pytest.raises(InputError, match="readouts of 100"):
        built("noise2noise", pair.shots[0], preset="lite", readout=100)


def test_interleaves_of_spirals_come_nearer_to_the_truth(built, learn):
    """Two sets of interleaves, turned against each other; one set is dealt into halves of whole interleaves."""
    x, interleaves, samples = random_brain(SIZE, torch.Generator().manual_seed(5), details=4), 4, 160
    shots = []
    for turn in (0.0, math.pi / 4):
        points = spiral(interleaves, samples, turns=2.0)
        c, s = math.cos(turn), math.sin(turn)
        points = points.new_tensor([[c, s], [-s, c]]) @ points
        density = density_compensation(points, (SIZE, SIZE))
        fourier = NonUniformFourier(points, space=(SIZE, SIZE), eps=1e-4, density=density)
        operator = fourier @ CoilMaps(birdcage_coils(3, (SIZE, SIZE)))
        y = operator(x)
        noise = 0.2 * torch.randn(y.shape, dtype=y.dtype, generator=torch.Generator().manual_seed(int(10 * turn)))
        shots.append(Measurement(y=y + noise, operator=operator))
    given, held = Sets(samples)(shots[0], torch.Generator().manual_seed(1))
    seen = given.operator.acquired.reshape(interleaves, samples)
    assert seen.all(1).sum() == interleaves // 2 == (~seen.any(1)).sum()
    assert torch.equal(held.weight.reshape(interleaves, samples) > 0, ~seen)
    pair = Repeated.of(tuple(shots))
    method = built("noise2noise", pair, preset="lite")

    @torch.no_grad()
    def error():
        return float((method.restorer(pair) - x).abs().square().mean())

    before = error()
    learn(method, [pair], 25)
    assert error() < 0.95 * before
