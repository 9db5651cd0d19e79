import math
from dataclasses import replace

import pytest
import torch

from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.sampling import RandomSampling
from pellucid.data.simulate.brains import random_brain
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.data.simulate.foam import foam
from pellucid.data.source import Fixed, Step
from pellucid.data.views import Interleaved
from pellucid.errors import InputError
from pellucid.objectives import HeldOut
from pellucid.operators import Identity, Radon, Sense
from pellucid.operators.tilt import Tilt
from pellucid.training import Adam, Plan, fit

SMALL = {"features": 8, "depth": 1, "patch": 32, "batch": 4}


@pytest.fixture(scope="module")
def scans():
    """Return noiseless projections of two slices of foam, and noise of the same shape."""
    rng = torch.Generator().manual_seed(0)
    angles = math.pi * torch.arange(64) / 64
    y = torch.cat([foam(20, rng, largest=0.3).sinogram(angles, size=48) for _ in range(2)]).float()
    operator = Radon(angles[None].double(), space=(48, 48))
    return Measurement(y=y, operator=operator), torch.randn(y.shape, generator=rng)


def drawn(method, scan, index=0):
    (stage,) = method.stages
    rng = torch.Generator().manual_seed(index)
    return stage.source([scan]).draw(Step(index, 0.0, rng))


def loss(method, batch):
    """Return ‖F(input) − target‖², summed over the pixels that count."""
    given, held = batch.shots
    with torch.no_grad():
        return float((held.weight * (method.stages[0].model(given) - held.y).double().square()).sum())


@pytest.mark.parametrize("strategy", ["X:1", "1:X"])
@pytest.mark.parametrize("inner", ["fbp", "sirt"])
def test_self_supervision_costs_as_much_more_as_there_is_noise_in_the_target(scans, built, strategy, inner):
    """E‖F(x̃_i) − x̃_j‖² = E‖F(x̃_i) − x*_j‖² + E‖ε_j‖², exactly: ±noise on the target's views has the mean zero."""
    clean, noise = scans
    method = built("noise2inverse", clean, strategy=strategy, inner=inner, iterations=3, **SMALL)
    target = torch.arange(64) % 4 == 0  # part 0 is the target of the first pair of X:1, the input of that of 1:X
    target = (target if strategy == "X:1" else ~target)[:, None]
    kept = clean.y + 3 * noise * ~target  # whatever the noise of the input is

    def first_pair(scan):
        data = method.stages[0].source([scan]).sources[0].data
        return Repeated.of(tuple(replace(shot, y=shot.y[:2], weight=shot.weight[:2]) for shot in data.shots))

    minus, without, plus = (first_pair(clean.with_y(kept + k * noise * target)) for k in (-1, 0, 1))
    assert torch.equal(minus.y, plus.y)  # nothing of the target reaches the input: not even its unit
    epsilon = plus.shots[1].y - without.shots[1].y
    assert epsilon.std() > 0.05
    variance = float((plus.shots[1].weight * epsilon.double().square()).sum())
    excess = 0.5 * (loss(method, plus) + loss(method, minus)) - loss(method, without)
    assert excess == pytest.approx(variance, rel=1e-3)


def test_it_learns_and_beats_what_it_started_from(scans, built):
    clean, noise = scans
    scan = clean.with_y(clean.y + 5 * noise)
    truth = clean.operator.backproject(clean.y)
    method = built("noise2inverse", scan, **SMALL)
    (stage,) = method.stages

    def error(restorer):
        with torch.no_grad():
            return float((restorer(scan) - truth).square().mean())

    before = error(method.restorer)
    fit(stage.model, stage.objective, stage.source([scan]), Plan(steps=60, optimisers={"model": Adam(rate=4e-3)}))
    raw = float((scan.operator.backproject(scan.y) - truth).square().mean())
    assert error(method.restorer) < 0.5 * min(before, raw)
    assert error(method.model) < 0.5 * min(before, raw)  # from all views at once
    held = HeldOut(method.split).terms(method.prior, scan, Step(0, 0.0, torch.Generator().manual_seed(0)))
    assert held["held_out"].isfinite()


def test_all_pairs_of_all_scans_are_drawn(scans, built):
    clean, _ = scans
    other = Measurement(y=clean.y[:1, :, :, 8:-8], operator=Radon(clean.operator.angles, space=(40, 40), detector=52))
    method = built("noise2inverse", clean, parts=2, **SMALL)
    source = method.stages[0].source([clean, other])
    assert [len(s.data.y) for s in source.sources] == [4, 2]
    shapes = {source.draw(Step(i, 0.0, torch.Generator().manual_seed(i))).y.shape for i in range(2)}
    assert shapes == {(4, 1, 32, 32)}


def test_pixels_that_some_view_does_not_see_are_no_target(built, scans):
    clean, _ = scans
    narrow = Radon(clean.operator.angles, space=(48, 48), detector=48)
    scan = Measurement(y=clean.y[:, :, :, 10:-10], operator=narrow)
    weight = built("noise2inverse", scan, **SMALL).stages[0].source([scan]).sources[0].data.shots[1].weight
    assert weight[0, 0, 24, 24]
    assert not weight[0, 0, ::47, ::47].any()
    assert float(weight.float().mean()) == pytest.approx(math.pi / 4, abs=0.05)


def test_the_full_scan_may_be_answered_to(scans, built):
    clean, _ = scans
    assert (full := built("noise2inverse", clean, full=True, **SMALL)).restorer is full.model


def test_a_tilt_series_is_learned_from_in_three_dimensions(built, phantom_3d):
    operator = Tilt(torch.linspace(-1, 1, 16)[None].double(), space=(16, 32, 32))
    x = phantom_3d.new_zeros(1, 1, 16, 32, 32)
    x[..., 4:12, 8:24, 8:24] = 1
    scan = Measurement(y=operator(x), operator=operator)
    method = built("noise2inverse", scan, parts=2, **SMALL | {"patch": 16})
    batch = drawn(method, scan)
    assert batch.y.shape == (4, 1, 16, 16, 16)
    (stage,) = method.stages
    history = fit(stage.model, stage.objective, Fixed(batch), Plan(steps=2))
    assert history.status == "done"
    assert method.restorer(scan).shape == x.shape
    given, _ = method.split(scan, torch.Generator().manual_seed(0))
    assert (given.y.abs().amax((3, 4)) == 0).sum() == 2  # whole views are held out


def test_views_that_do_not_see_the_whole_object_are_refused(built, rng):
    maps = torch.ones(1, 1, 32, 32, dtype=torch.complex64)
    scan = Measurement(y=torch.randn(1, 1, 32, 32, dtype=torch.complex64, generator=rng), operator=Sense(maps))
    with pytest.raises(InputError, match=r"Sense reconstructs from every 4th is 0\.25 times"):
        built("noise2inverse", scan)


@pytest.mark.parametrize("value", [0.0, math.nan])
def test_what_shows_nothing_is_refused_but_an_empty_slice_is_none_of_it(scans, built, value):
    clean, _ = scans
    with pytest.raises(InputError, match="There is no image to reconstruct"):
        built("noise2inverse", clean.with_y(value * clean.y), **SMALL)
    scan = clean.with_y(torch.cat([0 * clean.y[:1], clean.y[1:]]))
    assert drawn(built("noise2inverse", scan, **SMALL), scan).y.isfinite().all()


def test_held_out_views_leave_enough_to_learn_from(scans, built):
    clean, noise = scans
    given, _ = RandomSampling(0.2, whole=1)(clean.with_y(clean.y + noise), torch.Generator().manual_seed(0))
    batch = drawn(built("noise2inverse", given, **SMALL), given)
    assert batch.y.isfinite().all()


def test_frames_are_parts_for_any_instrument(built, rng):
    """E‖F(R y_i) − R y_j‖² = E‖F(R y_i) − x*‖² + E‖ε_j‖² for ±noise on the target's frame, and learning gains."""
    maps = birdcage_coils(2, (32, 32))
    x = random_brain(32, torch.Generator().manual_seed(3))
    operator = Sense(maps)
    noise = 0.5 * torch.randn(3, 1, 2, 32, 32, dtype=x.dtype, generator=rng)

    def frames(scales):
        recorded = (operator(x) + k * n for k, n in zip(scales, noise, strict=True))
        return Repeated.of(tuple(Measurement(y=y, operator=operator) for y in recorded))

    def first_pair(data):
        return Repeated.of(tuple(replace(shot, y=shot.y[:1], weight=shot.weight[:1]) for shot in data.shots))

    method = built("noise2inverse", frames((1, 1, 1)), **SMALL)
    sources = {k: method.stages[0].source([frames((k, 1, 1))]) for k in (-1, 0, 1)}
    first = {k: first_pair(source.sources[0].data) for k, source in sources.items()}
    assert torch.equal(first[-1].y, first[1].y)
    epsilon = first[1].shots[1].y - first[0].shots[1].y
    excess = 0.5 * (loss(method, first[1]) + loss(method, first[-1])) - loss(method, first[0])
    assert excess == pytest.approx(float(epsilon.double().square().sum()), rel=1e-3)
    scan, (stage,) = frames((1, 1, 1)), method.stages

    def error(image):
        return float((image - x).abs().square().mean())

    mean = torch.stack([operator.backproject(shot.y) for shot in scan.shots]).mean(0)
    fit(stage.model, stage.objective, stage.source([scan]), Plan(steps=120, optimisers={"model": Adam(rate=4e-3)}))
    with torch.no_grad():
        assert error(method.restorer(scan)) < 0.8 * error(mean)
    held = HeldOut(method.split).terms(method.prior, scan, Step(0, 0.0, torch.Generator().manual_seed(0)))
    assert held["held_out"].isfinite()


def test_one_frame_is_refused():
    one = Measurement(y=torch.ones(1, 1, 16, 16), operator=Identity())
    with pytest.raises(InputError, match="One frame predicts another"):
        Interleaved(2).divide(Repeated.of((one,)))
