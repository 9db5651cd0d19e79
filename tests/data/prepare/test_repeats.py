import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pellucid.data.image import Image
from pellucid.data.prepare.repeats import takes
from pellucid.errors import InputError


def scene(*shape, seed=0):
    rng = np.random.default_rng(seed)
    x = gaussian_filter(rng.standard_normal(shape), 2.0, mode="wrap")
    return 100 + x / x.std()


def movie(frames, sigma=1.0, axes="TYX", **given) -> Image:
    noise = np.random.default_rng(7).normal(0, sigma, np.shape(frames))
    return Image(data=(np.asarray(frames) + noise).astype(np.float32), axes=axes, **given)


def test_even_and_odd_images_of_a_still_scene_become_two():
    image = movie([scene(64, 72)] * 7, scale={"T": 2.0, "X": 0.1}, units={"T": "second", "X": "micrometer"})
    found = takes(image, "T")
    assert found.learned == (found.image, found.second)
    assert found.image.axes == "YX"
    assert (found.image.scale, found.image.units) == ({"X": 0.1}, {"X": "micrometer"})
    np.testing.assert_allclose(found.image.data, image.data[::2].mean(0), rtol=1e-6)
    np.testing.assert_allclose(found.second.data, image.data[1::2].mean(0), rtol=1e-6)


def test_repeats_may_lie_along_any_axis_but_those_of_an_image():
    image = movie([[scene(64, 64)] * 4] * 3, axes="TSYX")
    assert takes(image, "S").image.shape == (3, 64, 64)
    for axis in ("C", "Y", "Z"):
        with pytest.raises(InputError, match=f"no repeats along {axis}: give --repeats T or S"):
            takes(image, axis)
    with pytest.raises(InputError, match="it holds one image"):
        takes(movie(scene(64, 64), axes="YX"), "T")


def test_frames_of_a_movie_are_paired_with_their_neighbours_and_restored_one_by_one():
    frames = [np.roll(scene(64, 72), k, 0) for k in range(9)]  # it drifts
    image = movie(frames)
    found = takes(image, "interleaved")
    assert found.image is image
    assert found.second is None
    even, odd = found.learned
    assert even.shape == odd.shape == (4, 64, 72)
    np.testing.assert_array_equal(even.data[...], image.data[0:8:2])
    np.testing.assert_array_equal(odd.data[1:3, 4, ::2], image.data[3:7:2, 4, ::2])
    np.testing.assert_array_equal(odd.data[2], image.data[5])


@pytest.mark.parametrize("repeats", ["T", "interleaved"])
@pytest.mark.parametrize("sigma", [0.3, 3.0])
def test_a_cut_is_named(repeats, sigma):
    frames = [scene(128, 128)] * 5 + [scene(128, 128, seed=1)] * 6
    with pytest.raises(InputError, match=r"shows another scene from T 5 \(counted from 0\) on"):
        takes(movie(frames, sigma), repeats)


def test_a_scene_that_drifts_is_no_still_one():
    frames = [np.roll(scene(128, 128), k // 2, 1) for k in range(10)]
    with pytest.raises(InputError, match="The first and the last images of The image along T show the object at diff"):
        takes(movie(frames), "T")


@pytest.mark.parametrize("repeats", ["T", "interleaved"])
def test_frames_with_nothing_in_common_are_refused(repeats):
    with pytest.raises(InputError, match="do not show the same object"):
        takes(movie([scene(128, 128, seed=k) for k in range(8)]), repeats)
