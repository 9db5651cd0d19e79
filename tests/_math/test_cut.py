import pytest
import torch

from pellucid._math.cut import Cut
from pellucid._math.regions import view

CUTS = [
    Cut(space=(33, 20), stride=(4, 1), halo=(8, 3), tile=(8, 7)),
    Cut(space=(3, 50, 41), stride=(1, 2, 4), halo=(2, 6, 4), tile=(4, 16, 12)),
    Cut(space=(70, 41), stride=(4, 4), halo=None, tile=(16, 24)),
    Cut(space=(5, 64), stride=(1, 3), halo=None, tile=(5, 12)),
]


@pytest.mark.parametrize("cut", CUTS)
def test_tiles_cover_each_pixel_once_and_so_do_the_parts_of_a_tile(cut):
    for outer in (None, cut.regions()[-1]):
        count = torch.zeros(cut.space)
        for region in cut.halved().regions(outer):
            view(count, region).add_(1)
        inside = count if outer is None else view(count, outer)
        assert inside.min() == inside.max() == 1
        assert count.sum() == inside.numel()


@pytest.mark.parametrize("cut", CUTS)
def test_what_is_read_starts_at_the_stride_and_holds_halo_or_edge(cut):
    whole = cut.read(tuple(slice(0, n) for n in cut.space))
    for region in cut.regions():
        for axis, read in enumerate(cut.read(region)):
            assert read.start % cut.stride[axis] == read.stop % cut.stride[axis] == 0
            assert read.start == max(region[axis].start - cut.margin[axis], whole[axis].start)
            assert read.stop >= min(region[axis].stop + cut.margin[axis], whole[axis].stop)


def test_thin_stack_is_prolonged_by_a_quarter_at_most():
    cut = Cut(space=(8, 100), stride=(1, 4), halo=(20, 20), tile=(8, 100))
    assert cut.read(cut.regions()[0]) == (slice(-2, 10), slice(-20, 120))


@pytest.mark.parametrize("cut", CUTS[2:])
def test_weights_of_tiles_that_blend_add_to_one(cut):
    assert cut.blends
    total = torch.zeros(cut.space, dtype=torch.float64)
    for region in cut.regions():
        where, weights = cut.weights(region)
        assert weights.min() >= 0
        assert all(r.start <= w.start and w.stop <= r.stop for w, r in zip(where, cut.read(region), strict=True))
        view(total, where).add_(weights)
    torch.testing.assert_close(total, torch.ones_like(total))


def test_a_quarter_of_neighbouring_tiles_overlaps():
    cut = Cut(space=(960,), stride=(1,), halo=None, tile=(96,))
    first, second = (cut.read(region)[0] for region in cut.regions()[3:5])
    assert (first.stop - second.start) / (first.stop - first.start) == 0.25


def test_halving_ends_at_the_stride():
    cut = Cut(space=(100, 30), stride=(8, 8), halo=(8, 8), tile=(104, 32))
    assert [cut.halved().tile, cut.halved().halved().tile] == [(56, 32), (32, 32)]
    least = Cut(space=(100, 30), stride=(8, 8), halo=(8, 8), tile=(8, 8))
    assert least.halved() == least
