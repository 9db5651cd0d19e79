import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.report import picture


def test_window_ignores_rare_extremes_and_values_that_are_not_finite():
    plane = np.linspace(0.0, 1.0, 1000)[None].copy()
    plane[0, 0], plane[0, 1] = 1e9, np.inf
    low, high = picture.window(plane, plane)
    assert low == pytest.approx(0.005, abs=0.003)
    assert high == pytest.approx(0.995, abs=0.003)


def test_window_of_a_constant_has_a_width():
    assert picture.window(np.full((3, 3), 7.0)) == (7.0, 8.0)
    assert picture.symmetric(np.zeros((3, 3))) == (-1.0, 1.0)


def test_zero_is_the_middle_of_the_diverging_colours_and_signs_differ():
    drawn = picture.colour(np.array([[-1.0, 0.0, 1.0]]), (-1.0, 1.0), picture.DIVERGING).astype(int)
    np.testing.assert_allclose(drawn[0, 1], picture.DIVERGING[2], atol=2)
    assert drawn[0, 0, 2] > drawn[0, 0, 0]
    assert drawn[0, 2, 0] > drawn[0, 2, 2]


def test_sequential_colours_only_grow_lighter():
    ramp = picture.colour(np.linspace(0, 1, 256)[None], (0.0, 1.0), picture.SEQUENTIAL)[0]
    luminance = (ramp / 255) ** 2.2 @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(luminance) >= 0).all()


def test_png_reads_back():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    np.testing.assert_array_equal(imagecodecs.png_decode(picture.png(pixels)), pixels)


@given(st.integers(1, 4096), st.floats(1e-6, 1e6))
def test_scale_bar_is_round_and_fits(columns, pixel_size):
    length, share = picture.scale_bar(columns, pixel_size)
    assert f"{length:.0e}"[0] in "125"
    assert length == pytest.approx(float(f"{length:.0e}"))
    assert 0.09 <= share <= 0.2500001
    assert share * columns * pixel_size == pytest.approx(length)


@pytest.mark.parametrize("size", [None, 0.0, -1.0, float("nan"), float("inf")])
def test_no_scale_bar_without_a_pixel_size(size):
    assert picture.scale_bar(100, size) is None
