import imagecodecs
import numpy as np
import pytest

from pellucid.errors import InputError
from pellucid.report.panel import ZOOM, panel


def read(path):
    return imagecodecs.png_decode(path.read_bytes())


def test_both_halves_have_one_window(tmp_path):
    noisy = np.random.default_rng(0).gamma(2.0, 10.0, (30, 36))
    panel(noisy, noisy[::-1], tmp_path / "a.png")
    drawn = read(tmp_path / "a.png")
    assert drawn.dtype == np.uint8
    np.testing.assert_array_equal(drawn[:, :36], drawn[::-1, -36:])
    assert drawn.shape == (30, 73)


@pytest.mark.parametrize("top", [20, 160])
@pytest.mark.parametrize("left", [40, 220])
def test_detail_is_where_the_restored_plane_varies_and_hides_none_of_it(tmp_path, top, left):
    plane = np.full((200, 300), 10.0)
    plane[top : top + 20, left : left + 20] = np.random.default_rng(0).uniform(0, 100, (20, 20))
    panel(plane, plane, tmp_path / "a.png")
    half = read(tmp_path / "a.png")[:, :300]
    far_top, far_left = (0 if top > 100 else 200 - 80), (0 if left > 150 else 300 - 80)
    block = half[top + 1 : top + 19, left + 1 : left + 19]
    inset = half[far_top + ZOOM : far_top + 80 - ZOOM, far_left + ZOOM : far_left + 80 - ZOOM]
    assert block.std() > 30
    np.testing.assert_array_equal(inset[::ZOOM, ::ZOOM], block)


def test_planes_that_do_not_match_are_refused(tmp_path):
    with pytest.raises(InputError, match="one shape"):
        panel(np.zeros((5, 6)), np.zeros((6, 5)), tmp_path / "a.png")
    assert not list(tmp_path.iterdir())
