import tempfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.data.io.rows import Rows


@st.composite
def assignments(draw):
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=2, max_size=4)))
    spans = [sorted(draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in shape]
    return shape, tuple(slice(start, stop) for start, stop in spans)


@given(case=assignments(), order=st.sampled_from("<>"))
def test_blocks_land_where_numpy_puts_them(case, order):
    shape, region = case
    expected = np.zeros(shape, f"{order}u2")
    block = np.arange(1, expected[region].size + 1).reshape(expected[region].shape)
    expected[region] = block
    with tempfile.TemporaryFile() as file:
        file.write(b"header")
        Rows(file, 6, shape, expected.dtype)[region] = block
        file.seek(0)
        assert file.read() == b"header" + expected.tobytes()


def test_what_follows_the_numbers_is_kept():
    with tempfile.TemporaryFile() as file:
        file.write(bytes(8) + b"tail")
        Rows(file, 0, (2, 2), np.dtype("u2"))[...] = 1
        file.seek(8)
        assert file.read() == b"tail"


def test_a_region_with_gaps_is_refused():
    with tempfile.TemporaryFile() as file, pytest.raises(IndexError, match="step of 1"):
        Rows(file, 0, (4, 4), np.dtype("u1"))[::2] = 1
