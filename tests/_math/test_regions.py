import numpy as np
import pytest
import torch

from pellucid._math.regions import mirror, pixels, relative, up_to_multiple, view


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize(("before", "after"), [(0, 0), (1, 2), (5, 0), (20, 33)])
def test_mirror_is_numpys_reflect_however_far(size, before, after):
    padded = np.pad(np.arange(size), (before, after), mode="reflect")
    assert mirror(-before, size + after, size).tolist() == padded.tolist()


def test_mirror_of_a_span_that_misses_the_axis():
    assert mirror(4, 8, 4).tolist() == [2, 1, 0, 1]


@pytest.mark.parametrize(("size", "multiple", "up"), [(0, 4, 0), (1, 4, 4), (4, 4, 4), (5, 4, 8), (9, 1, 9)])
def test_next_multiple(size, multiple, up):
    assert up_to_multiple(size, multiple) == up


def test_view_is_of_the_last_axes_and_writes_through():
    array = torch.zeros(2, 3, 4, 5)
    region = (slice(1, 3), slice(0, 2))
    view(array, region).fill_(1)
    assert array.sum() == 2 * 3 * pixels(region) == 24
    assert array[:, :, 1:3, :2].min() == 1


def test_relative_region_is_the_same_place_in_a_part():
    array = torch.arange(20).view(4, 5)
    origin, region = (slice(1, 4), slice(2, 5)), (slice(2, 3), slice(3, 5))
    assert torch.equal(view(view(array, origin), relative(region, origin)), view(array, region))
