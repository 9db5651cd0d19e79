import numpy as np
import pytest
import torch
from torch import nn

from pellucid.data.image import Image
from pellucid.data.measurement import Repeated
from pellucid.data.source import Step
from pellucid.data.splits import mask_of
from pellucid.data.stack import Stack
from pellucid.errors import InputError
from pellucid.methods import build
from pellucid.restorers import Restorer
from pellucid.trust import Risk
from pellucid.workflows.bench import Bench


class Constant(Restorer):
    """Explains every pixel by one number, whatever it is given."""

    def __init__(self):
        super().__init__()
        self.level = nn.Parameter(torch.tensor(0.2))

    def forward(self, given, rng=None):
        return self.level.expand_as(given.y)


def bench_of(image, pair=None, dims=2, seed=0) -> Bench:
    second = None if pair is None else Stack((pair,), 0, dims)
    return Bench.of(Stack((image,), 0, dims), second, torch.device("cpu"), seed)


def method_of(name, data, **settings):
    small = {"features": 4, "patch": 32, "batch": 4} | settings
    return build(name, data, rng=torch.Generator().manual_seed(0), **small)


@pytest.fixture
def bench(frame) -> Bench:
    return bench_of(frame)


@pytest.mark.parametrize("axes", ["YX", "TYX"])
def test_reserved_pixels_are_few_and_divided_into_two_kinds(axes, frame):
    data = frame.data if axes == "YX" else np.stack([frame.data] * 3)
    bench = bench_of(Image(data=data, axes=axes))
    ranking, reporting = (mask_of(places, bench.shots[0][: bench.judged]) for places in bench.places)
    assert not (ranking & reporting).any()
    assert (ranking | reporting).float().mean() == pytest.approx(0.05, rel=0.02)
    assert int(ranking.sum()) == int(reporting.sum())
    weight = bench.measurement(bench.units(True)).weight
    assert torch.equal(weight[: bench.judged], ~(ranking | reporting))
    assert weight[bench.judged :].all()
    again = bench_of(Image(data=data, axes=axes)).places
    assert all(torch.equal(a, b) for a, b in zip(bench.places, again, strict=True))
    other = bench_of(Image(data=data, axes=axes), seed=1).places
    assert not torch.equal(bench.places[0], other[0])


@pytest.mark.parametrize("name", ["noise2void", "noise2self", "noise2noise"])
def test_reserved_pixels_are_never_a_target(name, frame, again):
    """For a model that looks at nothing the loss is a function of the targets alone."""
    pair = again if name == "noise2noise" else None
    bench = bench_of(frame, pair)
    data = bench.measurement(bench.units(True))
    method = method_of(name, data, **({} if pair else {"inference": "single"} if name == "noise2self" else {}))
    reserved = mask_of(torch.cat(bench.places, -1), data.y)

    def losses(where):
        shots = data.shots if isinstance(data, Repeated) else (data,)
        spoiled = [shot.with_y(torch.where(where, 99.0, shot.y)) for shot in shots]
        batch = spoiled[0] if pair is None else Repeated(**vars(spoiled[0]), shots=tuple(spoiled))
        source = bench.source(method.stages[0], batch)
        found = []
        for index in range(20):
            step = Step(index, 0.0, torch.Generator().manual_seed(index))
            terms = method.stages[0].objective.terms(Constant(), source.draw(step), step)
            found.append(terms["held_out"].item())
        return found

    clean = losses(torch.zeros_like(reserved))
    assert losses(reserved) == clean
    assert losses(reserved.roll(1, -1)) != clean


def test_validation_and_ranking_look_at_one_kind_reports_at_the_other(bench):
    """A model that looks at nothing is judged by the mean square over exactly these pixels."""
    units = bench.units(False)
    data = bench.measurement(units)
    method = method_of("noise2self", data, inference="single")
    judge = bench.validation(method, method.stages[0], data, 7)
    assert judge.interval == 7
    step = Step(0, 0.0, torch.Generator().manual_seed(0))
    found = judge.objective.terms(Constant(), judge.source.draw(step), step)["held_out"]
    ranking, reporting = (mask_of(places, data.y) for places in bench.places)
    torch.testing.assert_close(found, (data.y[ranking] - 0.2).square().mean())
    object.__setattr__(method, "prior", Constant())
    for risk, mask in zip(bench.risks(method, units), (ranking, reporting), strict=True):
        assert isinstance(risk, Risk)
        assert risk.pixels == int(mask.sum())
        weight = bench.weight[mask]
        error = (bench.shots[0][mask] - units.inverse(torch.tensor(0.2))).square()
        assert risk.mean == pytest.approx(float((weight * error).sum() / weight.sum()), rel=1e-4)


def test_a_pixel_counts_by_the_noise_around_it_not_by_itself(bench, frame):
    assert float(bench.weight.mean()) == pytest.approx(1.0, rel=1e-5)
    variance = bench.diagnosis.transfer.variance_at(frame.data.astype(float))
    bright, dark = variance > np.quantile(variance, 0.9), variance < np.quantile(variance, 0.3)
    weight = bench.weight[0, 0].numpy()
    assert weight[bright].mean() < 0.5 * weight[dark].mean()
    changed = bench.shots[0].clone()
    changed[..., 30, 30] += 500.0
    other = Bench((changed,), bench.diagnosis, bench.seed)
    ratio = other.weight / bench.weight
    assert ratio[..., 30, 30] == pytest.approx(float(ratio[..., 5, 5]), rel=1e-5)
    assert ratio[..., 30, 31] < 0.9 * ratio[..., 5, 5]


def test_the_whole_input_has_one_scale(bench):
    for stabilise in (True, False):
        t = bench.units(stabilise)(bench.shots[0])
        assert float(t.mean()) == pytest.approx(0.0, abs=1e-4)
        assert float(t.std()) == pytest.approx(1.0, abs=1e-4)
    assert bench.units(True).stabiliser is not None
    assert bench.units(False).stabiliser is None


def test_noise_that_does_not_depend_on_the_signal_is_not_stabilised(truth, numpy_rng):
    plain = truth + numpy_rng.normal(0, 20, truth.shape)
    bench = bench_of(Image(data=plain.astype(np.float32), axes="YX"))
    assert bench.diagnosis.transfer.model == "gaussian"
    assert bench.units(True).stabiliser is None


def test_a_narrow_image_can_be_learned_from(truth, numpy_rng):
    """Patches that are no squares are mirrored, but their rows and columns are not exchanged."""
    narrow = Image(data=numpy_rng.poisson(truth[:, :40]).astype(np.float32), axes="YX")
    bench = bench_of(narrow)
    data = bench.measurement(bench.units(True))
    method = method_of("noise2void", data, patch=64)
    batch = bench.source(method.stages[0], data).draw(Step(0, 0.0, torch.Generator().manual_seed(0)))
    assert batch.y.shape == (4, 1, 64, 40)


def test_repeats_tell_the_noise_by_their_difference(frame, again):
    bench = bench_of(frame, again)
    assert len(bench.shots) == 2
    assert bench.diagnosis.transfer.gain == pytest.approx(2.0, rel=0.3)
    assert isinstance(bench.measurement(bench.units(False)), Repeated)


def test_an_image_too_small_to_tell_its_noise_is_refused(frame):
    with pytest.raises(InputError, match="31 x 64 pixels, but the noise can only be read from 32 x 32"):
        bench_of(frame.with_data(frame.data[:31]))
