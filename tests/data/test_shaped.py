import pytest
import torch

from pellucid.data.fill import Donut, Mean, Median, Uniform, Zero
from pellucid.data.measurement import Measurement
from pellucid.data.shaped import Hole, ShapedGrid
from pellucid.data.splits import Grid, Reserved, mask_of
from pellucid.errors import InputError
from pellucid.operators import Identity
from pellucid.testing import assert_held_out

ODD = torch.tensor([[0, 1, 0, 0, 0], [1, 1, 1, 0, 1], [0, 0, 1, 0, 0]], dtype=torch.bool)  # like no symmetry


def split_of(mask, width=4, fill=None):
    return ShapedGrid(width, fill or Mean(3), Hole(mask))


def holes(places, mask, space):
    """Return what is hidden around `places`, by a plain loop: bool, of the shape of an image."""
    hidden = torch.zeros(space, dtype=torch.bool)
    for place in places.tolist():
        *plane, row, column = (int(i) for i in torch.unravel_index(torch.tensor(place), space))
        for down, right in (mask.nonzero() - torch.tensor(mask.shape) // 2).tolist():
            if 0 <= row + down < space[-2] and 0 <= column + right < space[-1]:
                hidden[(*plane, row + down, column + right)] = True
    return hidden


@pytest.mark.parametrize("space", [(17, 14), (3, 12, 13)])
def test_the_whole_hole_is_hidden_and_only_its_centre_compared(space, rng):
    y = torch.randn(2, 1, *space, generator=rng)
    split = split_of(ODD)
    places = split.choose(y, rng)
    given, held = split.hide(Measurement(y=y, operator=Identity()), places, rng)
    for image in range(2):
        hidden = holes(places[image, 0], ODD, space)
        assert torch.equal(given.weight[image, 0], ~hidden)
        assert not given.operator(torch.ones_like(y))[image, 0][hidden].any()
        assert torch.equal(given.y[image, 0][~hidden], y[image, 0][~hidden])
    assert torch.equal(held.weight > 0, mask_of(places, y))
    assert torch.equal(held.y, y)


@pytest.mark.parametrize("fill", [Mean(3), Median(3), Uniform(3), Zero()])
@pytest.mark.parametrize("mask", [ODD, torch.ones(1, 7, dtype=torch.bool), torch.ones(5, 5, dtype=torch.bool)])
def test_nothing_of_a_hole_reaches_what_is_given(mask, fill, rng):
    """Held entries by the contract; and of the whole hole, none: large numbers and NaN there change nothing."""
    split = split_of(mask, fill=fill)
    assert_held_out(split, (2, 1, 24, 22), rng)
    batch = Measurement(y=torch.randn(1, 1, 24, 22, generator=rng), operator=Identity())
    places, state = split.choose(batch.y, rng), rng.get_state()
    given, _ = split.hide(batch, places, rng)
    for value in (1e6, torch.nan):
        rng.set_state(state)
        again, _ = split.hide(batch.with_y(batch.y.masked_fill(~given.weight, value)), places, rng)
        assert torch.equal(again.y, given.y)


@pytest.mark.parametrize(("mask", "widths"), [((1, 1), (4, 4)), ((5, 5), (8, 8)), ((1, 9), (4, 12)), ((7, 3), (10, 6))])
@pytest.mark.parametrize("space", [(20, 23), (6, 5), (3, 12, 13)])
def test_classes_compare_each_pixel_once(mask, widths, space, rng):
    y = torch.randn(1, 2, *space, generator=rng)
    split = split_of(torch.ones(mask, dtype=torch.bool))
    assert split.widths(len(space))[-2:] == widths
    total = sum(mask_of(places, y).int() for places in split.classes(y))
    assert torch.equal(total, torch.ones_like(total))
    drawn = split.choose(y, rng)
    assert any(torch.equal(mask_of(drawn, y)[0, 0], mask_of(places, y)[0, 0]) for places in split.classes(y))


def test_a_hole_of_one_pixel_is_the_grid(rng):
    y = torch.randn(2, 1, 16, 16, generator=rng)
    batch, state = Measurement(y=y, operator=Identity()), rng.get_state()
    shaped, _ = split_of(torch.ones(1, 1, dtype=torch.bool), fill=Donut())(batch, rng)
    rng.set_state(state)
    plain, _ = Grid(4)(batch, rng)
    assert torch.equal(shaped.y, plain.y)


def test_reserved_places_are_as_few_as_leave_most_visible(rng):
    y = torch.randn(1, 1, 64, 64, generator=rng)
    places = torch.rand(y.flatten(2).shape, generator=rng).argsort(-1)[..., :1000]
    given, held = Reserved(split_of(torch.ones(5, 5, dtype=torch.bool)), places)(
        Measurement(y=y, operator=Identity()), rng
    )
    assert int((held.weight > 0).sum()) == 64
    assert not (held.weight > 0)[~mask_of(places, y)].any()
    assert given.weight.float().mean() > 0.6


def test_a_mask_is_copied_and_read_again_when_it_is_loaded():
    mask = ODD.clone()
    hole, other = Hole(mask), Hole(torch.ones(3, 3, dtype=torch.bool))
    assert hole.extent == (3, 5)
    assert not hole.isotropic
    split = ShapedGrid(4, Mean(3), hole)
    assert split.widths(2) == (6, 8)
    hole.load_state_dict(other.state_dict())
    assert split.widths(2) == (6, 6)
    assert hole.isotropic
    assert len(hole.offsets) == 9
    assert torch.equal(mask, ODD)
    mask[:] = False
    assert len(hole.offsets) == 9


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (torch.ones(4, 3, dtype=torch.bool), "odd"),
        (torch.ones(35, 1, dtype=torch.bool), "up to 33"),
        (torch.ones(3, 3), "true-or-false"),
        (torch.ones(3, dtype=torch.bool), "rows and columns"),
        (torch.arange(9).view(3, 3) != 4, "centre"),
    ],
)
def test_what_is_no_blind_spot_is_refused(mask, words):
    with pytest.raises(InputError, match=words):
        Hole(mask)
