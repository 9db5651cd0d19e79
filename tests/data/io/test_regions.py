import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.data.io.regions import blocks, slices, spread


@given(shape=st.lists(st.integers(1, 40), min_size=1, max_size=4), limit=st.integers(1, 5000))
def test_blocks_cover_every_number_once_and_stay_small(shape, limit):
    count = np.zeros(shape, int)
    for region in blocks(tuple(shape), itemsize=2, limit=limit):
        count[region] += 1
        assert count[region].size * 2 <= max(limit, 2)
    assert (count == 1).all()


def test_blocks_of_wide_planes_fall_on_whole_chunks():
    rows = [region[0] for region in blocks((3000, 1000), itemsize=2, limit=2_500_000)]
    assert rows == [slice(0, 1024), slice(1024, 2048), slice(2048, 3000)]


@pytest.mark.parametrize(
    "region",
    [..., 0, (slice(1, 3), ..., -1), (0, 1, 2), (slice(None, None, 2), slice(4, 1)), (..., 1, slice(9))],
)
def test_a_spelled_region_is_the_same_region(region):
    numbers = np.arange(60).reshape(3, 4, 5)
    spelled, taken = slices(region, numbers.shape)
    assert np.array_equal(np.squeeze(numbers[spelled], axis=taken), numbers[region])


@pytest.mark.parametrize("region", [(0, 0, 0, 0), 3, -4, slice(None, None, -1)])
def test_impossible_regions_are_refused(region):
    with pytest.raises(IndexError):
        slices(region, (3, 4, 5))


def test_a_spread_block_assigns_as_numpy_does():
    for region, block in [((0, ...), np.ones((4, 5))), ((slice(1, 3), 2), np.arange(5)), (..., 7)]:
        expected, got = np.zeros((3, 4, 5)), np.zeros((3, 4, 5))
        expected[region] = block
        target, values = spread(region, block, got.shape, got.dtype)
        got[target] = values
        assert np.array_equal(got, expected)
