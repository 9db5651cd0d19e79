import pytest
import torch

from pellucid.data.fill import Donut, Fill, Mean, Median, Noise, Uniform, UniformWithCentre, Zero
from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.splits import BlindSpot, Grid, Hiding, Repeats, Reserved, mask_of
from pellucid.errors import InputError
from pellucid.operators import Identity, Sampling
from pellucid.testing import assert_held_out

FILLS = [Median(2), Mean(2), Uniform(2), Donut(), Noise(), Zero()]
SHAPES = [(2, 2, 15, 13), (2, 1, 5, 9, 7)]


def measured(y: torch.Tensor, **facts) -> Measurement:
    return Measurement(y=y, operator=Identity(), **facts)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("split", [BlindSpot, Grid])
def test_hidden_pixels_never_leak(split, fill: Fill, shape, rng):
    # at these densities each window holds several hidden pixels
    assert_held_out(split(0.2, fill) if split is BlindSpot else split(2, fill), shape, rng)


@pytest.mark.parametrize("shape", SHAPES)
def test_only_the_fill_that_is_named_as_leaking_leaks(shape, rng):
    fill = UniformWithCentre(1)
    assert [f.leaks for f in FILLS] == [False] * len(FILLS)
    assert fill.leaks
    with pytest.raises(AssertionError, match="a held entry reaches"):
        assert_held_out(BlindSpot(0.2, fill), shape, rng)


def test_original_fill_copies_its_centre_as_often_as_stated(rng):
    y = torch.randn(64, 1, 32, 32, generator=rng)
    split = BlindSpot(0.004, UniformWithCentre(1))
    copied = total = 0
    for _ in range(10):
        given, held = split(measured(y), rng)
        hidden = held.weight > 0
        copied += int((given.y == y)[hidden].sum())
        total += int(hidden.sum())
    chance = 1 / 9
    assert abs(copied / total - chance) < 4 * (chance / total) ** 0.5


class Dimmest(Hiding):
    """A split that breaks its promise: what is hidden is chosen by its value."""

    fill = Zero()

    def choose(self, y, rng):
        return y.abs().flatten(2).argmin(-1, keepdim=True)


def test_contract_finds_a_choice_that_depends_on_values(rng):
    with pytest.raises(AssertionError, match="the choice of what is held"):
        assert_held_out(Dimmest(), (1, 1, 4, 4), rng)


@pytest.mark.parametrize("width", [2, 3, 4])
@pytest.mark.parametrize("space", [(8, 8), (7, 10), (3, 5), (1, 9), (5, 7, 3)])
def test_classes_of_a_grid_partition_the_pixels(width, space):
    y = torch.zeros(2, 3, *space)
    count = sum(mask_of(places, y).long() for places in Grid(width).classes(y))
    assert count.min() == count.max() == 1


@pytest.mark.parametrize("split", [lambda: Grid(1), lambda: BlindSpot(0.0), lambda: BlindSpot(0.6)])
def test_a_split_that_hides_nothing_or_nearly_all_is_refused(split):
    with pytest.raises(InputError, match=r"Hidden pixels of a grid|Blind spots are a fraction"):
        split()


def test_pixels_of_one_class_are_a_width_apart():
    y = torch.zeros(1, 1, 11, 10)
    for places in Grid(4).classes(y):
        rows, columns = mask_of(places, y)[0, 0].nonzero().unbind(1)
        assert len(set((rows % 4).tolist())) == len(set((columns % 4).tolist())) == 1


def test_random_class_is_one_of_the_partition_and_all_are_drawn(rng):
    y = torch.zeros(200, 1, 9, 7)
    classes = {tuple(mask_of(p, y[:1]).flatten().tolist()) for p in Grid(3).classes(y[:1])}
    drawn = mask_of(Grid(3).choose(y, rng), y)
    assert {tuple(one.flatten().tolist()) for one in drawn} == classes


@pytest.mark.parametrize("fraction", [0.002, 0.02])
@pytest.mark.parametrize("space", [(224, 200), (40, 48, 48)])
def test_blind_spots_hide_the_fraction_in_the_plane_and_in_space(fraction, space, rng):
    y = torch.zeros(1, 1, *space)
    hidden = mask_of(BlindSpot(fraction).choose(y, rng), y)
    assert hidden.float().mean().item() == pytest.approx(fraction, rel=0.15)


def test_each_box_has_one_blind_spot_and_each_pixel_is_equally_often_hidden(rng):
    y = torch.zeros(4000, 1, 8, 12)
    hidden = mask_of(BlindSpot(1 / 16).choose(y, rng), y)
    boxes = hidden.float().view(-1, 2, 4, 3, 4).sum((2, 4))
    assert boxes.min() == boxes.max() == 1
    rate = hidden.float().mean((0, 1))
    assert (rate - 1 / 16).abs().max() < 5 * (1 / 16 / 4000) ** 0.5


def test_blind_spots_of_channels_and_images_are_independent(rng):
    y = torch.zeros(2000, 2, 8, 8)
    hidden = mask_of(BlindSpot(1 / 64).choose(y, rng), y).flatten(2).float()
    together = (hidden[:, 0] * hidden[:, 1]).sum(1).mean()
    images = (hidden[1:] * hidden[:-1]).sum(2).mean()
    assert abs(together - 1 / 64) < 5 * (1 / 64 / 2000) ** 0.5
    assert abs(images - 1 / 64) < 5 * (1 / 64 / 2000) ** 0.5


def test_weight_of_the_data_counts_in_what_is_held(rng):
    y = torch.randn(2, 1, 12, 12, generator=rng)
    weight = torch.rand(2, 1, 12, 12, generator=rng)
    given, held = BlindSpot(0.1)(measured(y, weight=weight), rng)
    hidden = held.operator(y) != given.operator(y)
    torch.testing.assert_close(given.weight, ~hidden)
    torch.testing.assert_close(held.weight, torch.where(hidden, weight, 0.0))


def test_reserved_places_are_held_whatever_the_split(rng):
    y = torch.randn(2, 1, 6, 6, generator=rng)
    places = torch.tensor([[[3, 17]], [[0, 35]]])
    assert_held_out(Reserved(BlindSpot(0.5), places), (2, 1, 6, 6), rng)
    a, b = measured(y, weight=torch.full_like(y, 0.5)), measured(y + 1, weight=torch.full_like(y, 0.5))
    batch = Repeated(y=a.y, operator=a.operator, shots=(a, b))
    _, held = Reserved(Repeats(), places)(batch, rng)
    torch.testing.assert_close(held.weight, 0.5 * mask_of(places, y).float())


def test_repeats_give_each_shot_as_often_and_never_hold_what_is_given(rng):
    shots = tuple(measured(torch.full((500, 1, 2, 2), float(i))) for i in range(2))
    given, held = Repeats()(Repeated(y=shots[0].y, operator=Identity(), shots=shots), rng)
    assert ((given.y + held.y) == 1).all()
    assert abs(given.y.mean() - 0.5) < 5 * 0.5 / 500**0.5
    more = tuple(measured(torch.full((1, 1, 2, 2), float(i))) for i in range(3))
    pairs = set()
    for _ in range(100):
        given, held = Repeats()(Repeated(y=more[0].y, operator=Identity(), shots=more), rng)
        pairs.add((given.y.mean().item(), held.y.mean().item()))
    assert pairs == {(float(i), float(j)) for i in range(3) for j in range(3) if i != j}


def test_repeats_of_one_recording_are_refused(rng):
    with pytest.raises(InputError, match="two recordings"):
        Repeats()(measured(torch.zeros(1, 1, 4, 4)), rng)


def test_a_recording_stays_with_its_instrument(rng):
    """Two shots through different instruments change places whole, both ways round in time."""
    keeps = torch.rand(2, 1, 1, 6, 6, generator=rng) < 0.5
    shots = tuple(Measurement(y=keep.float() * (k + 1), operator=Sampling(keep)) for k, keep in enumerate(keeps))
    firsts = set()
    for seed in range(20):
        given, held = Repeats()(Repeated.of(shots), torch.Generator().manual_seed(seed))
        firsts.add(float(given.y.max()))
        for part in (given, held):
            assert torch.equal(part.y > 0, part.operator.acquired)
    assert firsts == {1.0, 2.0}
