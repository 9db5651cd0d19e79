import pytest
import torch

from pellucid.data.measurement import Listed, Measurement
from pellucid.data.sampling import RandomSampling, measured_samples
from pellucid.data.simulate.sampling import random_lines
from pellucid.errors import InputError
from pellucid.operators import Identity
from pellucid.operators.mri import Sense
from pellucid.testing import assert_held_out


def measured(y: torch.Tensor, **facts) -> Measurement:
    return Measurement(y=y, operator=Identity(), **facts)


def kspace(rng, batch=2, size=(32, 24)):
    """Return k-space of a constant through two coils, of which random lines were measured, and its mask."""
    maps = torch.ones(1, 2, *size, dtype=torch.complex64) / 2**0.5
    masks = torch.cat([random_lines(size, 3.0, 6, rng) for _ in range(batch)])
    operator = Sense(maps, masks)
    x = torch.ones(batch, 1, *size, dtype=torch.complex64) + 0.1 * torch.randn(batch, 1, *size, generator=rng)
    return Measurement(y=operator(x), operator=operator), masks


@pytest.mark.parametrize("density", ["uniform", "gaussian"])
def test_the_samples_are_divided_exactly_and_the_centre_is_given(density, rng):
    batch, masks = kspace(rng)
    split = RandomSampling(0.4, density=density, centre=4)
    given, held = split(batch, rng)
    theta, hidden = given.operator.acquired, held.weight > 0
    assert not bool((theta & hidden).any())
    assert torch.equal(theta | hidden, masks)
    assert hidden.sum((1, 2, 3)).tolist() == (0.4 * masks.sum((1, 2, 3))).round().tolist()
    assert bool(theta[..., 14:18, 10:14].all())
    assert not bool(given.y[hidden.expand_as(given.y)].any())
    assert torch.equal(measured_samples(given), theta)


def test_the_centre_is_where_the_data_peak(rng):
    batch, _ = kspace(rng)
    rolled = Measurement(y=batch.y.roll((5, -3), (2, 3)), operator=Identity())
    _, held = RandomSampling(0.9, centre=4)(rolled, rng)
    assert not bool(held.weight[..., 19:23, 7:11].any())


def test_the_density_is_a_gaussian(rng):
    y = torch.zeros(400, 1, 33, 33)
    y[..., 16, 16] = 1
    _, held = RandomSampling(0.02, density="gaussian")(measured(y), rng)
    places = held.weight.sum((0, 1))
    ramp = torch.arange(33.0) - 16
    spread = ((places.sum(1) * ramp**2).sum() / places.sum()).sqrt()
    density = torch.exp(-0.5 * (ramp / 8) ** 2)
    assert float(spread) == pytest.approx(float(((density * ramp**2).sum() / density.sum()).sqrt()), rel=0.05)


def test_fixed_divisions_belong_to_their_entries(rng):
    """Each entry of the data set has L divisions: always the same ones, whoever is beside it in a batch."""
    y = torch.randn(3, 1, 16, 16, generator=rng)
    split = RandomSampling(0.4, masks=3)

    def divisions(numbers):
        found = {n: set() for n in numbers}
        for k in range(40):
            batch = Listed(y=y[list(numbers)], operator=Identity(), numbers=numbers)
            weight = split(batch, torch.Generator().manual_seed(k))[1].weight
            for n, one in zip(numbers, weight, strict=True):
                found[n].add(tuple(one.flatten().tolist()))
        return found

    alone, beside = divisions((1,)), divisions((0, 1))
    assert alone[1] == beside[1]
    assert [len(beside[n]) for n in (0, 1)] == [3, 3]
    assert not beside[0] & beside[1]


def test_too_few_samples_are_refused(rng):
    batch, _ = kspace(rng)
    RandomSampling(0.4, centre=4).check(batch)
    with pytest.raises(InputError, match="cannot be held out"):
        RandomSampling(0.97, centre=4).check(batch)
    with pytest.raises(InputError, match="cannot be held out"):
        RandomSampling(0.4).check(measured(torch.zeros(1, 1, 1, 1)))


@pytest.mark.parametrize("whole", [0, 1, 2])
def test_held_out_measurements_lines_and_views_never_leak(whole, rng):
    assert_held_out(RandomSampling(0.3, whole), (2, 2, 12, 6, 5), rng)


def test_held_out_measurements_are_shared_by_channels_and_of_the_fraction(rng):
    y = torch.randn(2, 3, 200, 100, generator=rng)
    given, held = RandomSampling(0.1)(measured(y, weight=torch.full_like(y, 2.0)), rng)
    hidden = held.weight[:, :1] > 0
    assert float(hidden.float().mean()) == pytest.approx(0.1, abs=0.01)
    assert torch.equal(held.weight, 2.0 * hidden.expand_as(y))
    assert torch.equal(given.operator(y), torch.where(hidden, 0.0, y))
    assert torch.equal(given.y, given.operator(y))
    _, whole = RandomSampling(0.1, whole=1)(measured(y), rng)
    lines = whole.weight[:, 0, :, 0] > 0
    assert torch.equal(whole.weight.expand(2, 1, 200, 100)[:, 0] > 0, lines[..., None].expand(2, 200, 100))


@pytest.mark.parametrize("fraction", [0, 1, -0.1, float("nan")])
def test_a_fraction_of_nothing_is_refused(fraction):
    with pytest.raises(InputError, match="is a fraction of the measurements"):
        RandomSampling(fraction)
