import numpy as np
import pytest

from pellucid.data.io.lazy import Lazy, require_memory
from pellucid.errors import InputError


def test_a_view_orders_axes_adds_them_and_picks_from_them():
    source = np.arange(120, dtype=">u2").reshape(2, 3, 4, 5)
    view = Lazy(source, "a.tif", (2, None, 1, 3), {0: 1})
    expected = source[1].transpose(1, 0, 2)[:, None]
    assert view.shape == (4, 1, 3, 5)
    assert view.dtype.isnative
    assert np.array_equal(view[...], expected)
    assert np.array_equal(view[1:3, 0, ::2, -1], expected[1:3, 0, ::2, -1])
    assert np.array_equal(np.asarray(view), expected)


def test_only_the_region_is_read():
    class Watched:
        shape, dtype = (3, 100, 100), np.dtype("u1")

        def __getitem__(self, region):
            self.region = region
            return np.zeros((3, 100, 100), "u1")[region]

    source = Watched()
    Lazy(source, "a.tif", (1, 2), {0: 2})[10:20, 5]
    assert source.region == (slice(2, 3, 1), slice(10, 20, 1), slice(5, 6, 1))


def test_a_parser_that_fails_becomes_one_sentence():
    class Broken:
        shape, dtype = (2, 2), np.dtype("u1")

        def __getitem__(self, region):
            raise KeyError("segment")

    with pytest.raises(InputError, match=r"a\.tif could not be read in the region of size \(1, 2\)"):
        Lazy(Broken(), "a.tif", (0, 1))[:1]


@pytest.mark.usefixtures("little_memory")
def test_what_does_not_fit_into_memory_is_refused_before_it_is_asked_for():
    require_memory(2**26, "a.tif")
    with pytest.raises(InputError, match=r"a\.tif declares 1\.0 GiB .* and 0\.1 GiB of memory are free"):
        require_memory(2**30, "a.tif")
    with pytest.raises(InputError, match="memory"):
        np.asarray(Lazy(np.broadcast_to(np.uint8(0), (2**14, 2**14)), "a.tif", (0, 1)))
