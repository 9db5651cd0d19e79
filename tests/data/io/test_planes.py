import numpy as np

from pellucid.data.io.lazy import Lazy
from pellucid.data.io.planes import Planes


def test_planes_make_up_the_array():
    numbers = np.arange(2 * 3 * 8 * 9 * 3).reshape(2, 3, 8, 9, 3)
    planes = Planes((2, 3), (8, 9, 3), numbers.dtype, lambda at, rows, columns: numbers[at][rows, columns])
    view = Lazy(planes, "a.czi", (0, 4, 1, 2, 3))
    expected = numbers.transpose(0, 4, 1, 2, 3)
    assert np.array_equal(view[...], expected)
    assert np.array_equal(view[1, :2, 1:, 2:7:2, 3], expected[1, :2, 1:, 2:7:2, 3])
