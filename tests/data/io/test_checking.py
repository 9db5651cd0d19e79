import numpy as np
import pytest

from pellucid.data.image import Image
from pellucid.data.io import check, checking, finite_block
from pellucid.data.io.lazy import Lazy
from pellucid.errors import InputError


def image(numbers):
    return Image(data=np.asarray(numbers), axes="ZYX"[-np.ndim(numbers) :])


def test_a_good_image_comes_back_as_it_is(numpy_rng):
    good = image(numpy_rng.normal(size=(3, 8, 9)).astype(np.float32))
    assert check(good) is good


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        (np.ones((4, 4), np.complex64), "complex"),
        (np.eye(4, dtype=bool), "mask"),
        (np.full((4, 4), 7, np.uint8), "constant: every finite value is 7"),
        (np.zeros((0, 4)), "empty"),
        (np.full((4, 4), np.nan), "no finite value"),
        ([[1.0, np.nan], [np.inf, -np.inf]], r"1 NaN and 2 infinite values; --fill-nan"),
    ],
)
def test_what_cannot_be_restored_is_refused(numbers, sentence):
    with pytest.raises(InputError, match=sentence):
        check(image(numbers))


def test_holes_are_filled_from_their_neighbours():
    numbers = np.arange(25, dtype=np.float32).reshape(5, 5)
    numbers[2, 2], numbers[0, 0] = np.nan, np.inf
    filled = check(image(numbers), fill_nan=True).data
    assert filled[2, 2] == np.median([6, 7, 8, 11, 13, 16, 17, 18])
    assert filled[0, 0] == np.median([1, 5, 6])
    assert np.isnan(numbers[2, 2])  # the input is left alone


def test_a_hole_without_neighbours_takes_the_median_of_the_image():
    numbers = np.full((5, 9), np.nan)
    numbers[:, 6:] = 3.0
    numbers[0, 6] = 4.0
    assert (check(image(numbers), fill_nan=True).data[:, :5] == 3.0).all()


def test_filling_does_not_depend_on_the_region_read(numpy_rng):
    numbers = numpy_rng.normal(size=(3, 20, 30))
    numbers[numpy_rng.random(numbers.shape) < 0.4] = np.nan
    lazy = Image(data=Lazy(numbers, "a.tif", (0, 1, 2)), axes="ZYX")
    whole = check(image(numbers), fill_nan=True).data
    filled = check(lazy, fill_nan=True).data
    assert isinstance(filled, checking.Filled)
    for region in [
        ...,
        (1, slice(3, 9), slice(5, 11)),
        (slice(1, 3), 0, slice(29, 30)),
        (..., slice(2, 17, 3)),
    ]:
        assert np.array_equal(filled[region], whole[region])


def test_large_images_are_sampled_evenly(monkeypatch, numpy_rng):
    numbers = numpy_rng.normal(size=(64, 16, 16))
    monkeypatch.setattr(checking, "WHOLE", numbers.nbytes // 8)
    regions = [slice(k, k + 1) for k in range(64)]
    monkeypatch.setattr(checking, "blocks", lambda shape, itemsize: [(part,) for part in regions])
    read = []

    class Watched(np.ndarray):
        def __getitem__(self, region):
            read.append(region[0].start)
            return np.asarray(self)[region]

    check(Image(data=numbers.view(Watched), axes="ZYX"))
    assert read == list(range(0, 64, 8))
    numbers[:] = 0
    with pytest.raises(InputError, match="constant"):  # and that takes them all
        check(Image(data=numbers.view(Watched), axes="ZYX"))


def test_a_block_is_checked_alone():
    finite_block(np.arange(4), "a.tif")
    with pytest.raises(InputError, match=r"a\.tif holds 1 infinite values in one region"):
        finite_block(np.array([1.0, np.inf]), "a.tif")


@pytest.mark.parametrize(
    ("values", "words"),
    [((0, 1e-19), "multiply them by about 1e\\+19"), ((0, 1e19), "about 1e-19"), ((1e9, 1e9 + 100), "the offset")],
)
def test_values_that_32_bits_cannot_hold_are_refused(values, words):
    with pytest.raises(InputError, match=words):
        check(Image(data=np.linspace(*values, 64).reshape(8, 8), axes="YX"))


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_odd_units_are_no_obstacle(scale):
    image = Image(data=scale * np.arange(64.0).reshape(8, 8), axes="YX")
    assert check(image) is image
