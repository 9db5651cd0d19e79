import numpy as np
import pytest

from pellucid.data.io import to_dtype


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32"])
def test_integers_are_rounded_and_clipped(dtype):
    info = np.iinfo(dtype)
    values = np.array([info.min - 10.0, 0.5, 1.5, 2.4, info.max + 10.0])
    assert to_dtype(values, dtype).tolist() == [info.min, 0, 2, 2, info.max]


def test_float32_reaches_the_ends_of_int32_without_wrapping():
    assert to_dtype(np.array([3e9, -3e9], np.float32), "int32").tolist() == [2**31 - 1, -(2**31)]


def test_floats_are_kept():
    assert to_dtype(np.array([1.25]), "float32").tolist() == [1.25]
