import numpy as np
import pytest

from pellucid.data.image import Image
from pellucid.data.series import Series, stack_of, with_phase
from pellucid.data.stack import Stack
from pellucid.errors import InputError


def numbered(axes, shape, dtype=np.float32) -> Image:
    """Return an image in which every value is its own number; the imaginary part is ten thousand more."""
    numbers = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    return Image(data=numbers + (1e4j + 1j * numbers if np.dtype(dtype).kind == "c" else 0), axes=axes)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
@pytest.mark.parametrize(
    ("axes", "shape", "dims", "items"),
    [
        ("TYX", (5, 6, 7), 2, 1),
        ("TZYX", (5, 3, 6, 7), 2, 3),
        ("CTZYX", (2, 5, 3, 6, 7), 3, 1),
        ("ZTCYX", (3, 5, 2, 6, 7), 3, 1),
        ("TYX", (5, 6, 7), 3, 1),
        ("STCZYX", (2, 5, 2, 3, 6, 7), 3, 2),
    ],
)
def test_a_series_is_read_as_volumes_and_lands_where_it_was(axes, shape, dims, items, dtype):
    image = numbered(axes, shape, dtype)
    written = np.zeros(shape, np.float32)
    for channel in range(image.size("C")):
        stack = stack_of([image], channel, dims, "series")
        assert isinstance(stack, Series)
        assert len(stack.items) == items
        for item in stack.items:
            space = stack.space(item)
            given = stack.given(item, tuple(slice(0, n) for n in space))
            assert given.dtype == np.float32
            assert given.shape == (stack.depth(item.image), *space)
            for upper in (slice(0, 4), slice(4, space[-2])):
                region = (*(slice(0, n) for n in space[:-2]), upper, slice(0, space[-1]))
                written[stack.index(item, region)] = stack.answer(given[..., upper, :], item)
    np.testing.assert_allclose(written, np.abs(image.data), rtol=1e-6)


def test_volumes_come_in_order_real_parts_first():
    image = numbered("TZYX", (5, 3, 6, 7), np.complex64)
    stack = stack_of([image], 0, 3, "series")
    region = (slice(1, 2), slice(2, 4), slice(3, 7))
    given = stack.given(stack.items[0], region)
    np.testing.assert_array_equal(given[3], image.data[3, 1:2, 2:4, 3:7].real)
    np.testing.assert_array_equal(given[5 + 3], image.data[3, 1:2, 2:4, 3:7].imag)
    np.testing.assert_allclose(stack.shown(given[None])[0], np.abs(image.data[2, 1:2, 2:4, 3:7]))


def test_other_methods_see_one_image_at_a_time():
    stack = stack_of([numbered("TYX", (5, 6, 7))], 0, 2, "image")
    assert type(stack) is Stack
    assert len(stack.items) == 5


def test_a_sample_holds_all_volumes_in_small_blocks():
    stack = stack_of([numbered("TZYX", (4, 20, 130, 130))], 0, 3, "series")
    blocks = stack.sample(np.random.default_rng(0))
    assert blocks.shape == (4, 4, 16, 64, 64)
    np.testing.assert_array_equal(blocks[:, 1] - blocks[:, 0], 20 * 130 * 130)


@pytest.mark.parametrize(("unit", "kind"), [(1.0, np.float32), (4096 / (2 * np.pi), np.int16)])
def test_magnitude_and_phase_make_complex_numbers(unit, kind):
    rng = np.random.default_rng(0)
    magnitude, angle = rng.uniform(1, 5, (3, 8, 8)), rng.uniform(-np.pi, np.pi, (3, 8, 8))
    angle[0, 0, :2] = (-np.pi, np.pi * (1 - 2 / 4096))
    images = (Image(data=magnitude, axes="TYX"), Image(data=(angle * unit).astype(kind), axes="TYX"))
    if kind is np.int16:
        with pytest.warns(UserWarning, match="runs from -2048 to 2047: this range was taken for one turn"):
            both = with_phase(*images)
    else:
        both = with_phase(*images)
    np.testing.assert_allclose(both.data[1:, 2:5], (magnitude * np.exp(1j * angle))[1:, 2:5], atol=0.01)


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        (Image(data=np.zeros((2, 8, 8)), axes="TYX"), r"TYX \(2, 8, 8\), but"),
        (Image(data=np.zeros((3, 8, 8)), axes="TYX"), "0 everywhere"),
    ],
)
def test_a_phase_that_does_not_fit_is_refused(phase, said):
    with pytest.raises(InputError, match=said):
        with_phase(Image(data=np.ones((3, 8, 8)), axes="TYX"), phase)
