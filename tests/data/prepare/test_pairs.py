import warnings

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pellucid.data.image import Image
from pellucid.data.prepare.pairs import agreement, matched, planes_of
from pellucid.errors import InputError


def scene(*shape, seed=0, blur=2.0):
    """Blobs of unit contrast, on a background of ten."""
    rng = np.random.default_rng(seed)
    x = gaussian_filter(rng.standard_normal(shape), [0] * (len(shape) - 2) + [blur, blur], mode="wrap")
    return 10 + x / x.std()


def recorded(x, seed, sigma=1.0):
    return x + np.random.default_rng(seed).normal(0, sigma, x.shape)


def images(a, b, axes="YX"):
    return Image(data=a, axes=axes), Image(data=b, axes=axes)


def test_two_recordings_of_a_scene_pass_as_they_are():
    x = scene(128, 128)
    first, second = images(recorded(x, 1), recorded(x, 2))
    assert matched(first, second) is second


def test_a_lattice_agrees_though_few_frequencies_show_it():
    row, column = np.mgrid[:64, :64] / 5
    x = np.sin(row) * np.cos(column)
    assert agreement(recorded(x, 1, 0.3)[None], recorded(x, 2, 0.3)[None]).same
    assert not agreement(recorded(x, 1, 0.3)[None], recorded(scene(64, 64), 2, 0.3)[None]).same


@pytest.mark.parametrize("sigma", [1.0, 4.0])
@pytest.mark.parametrize("light", [0.0, 10.0])
def test_other_scenes_are_refused_whatever_light_they_share(sigma, light):
    lamp = light * np.hypot(*np.mgrid[-1:1:256j, -1:1:256j])
    a, b = (recorded(scene(256, 256, seed=seed) + lamp, seed, sigma) for seed in (3, 4))
    with pytest.raises(InputError, match=r"do not show the same object \(correlation 0\.\d\d"):
        matched(*images(a, b))


def test_noise_alone_never_agrees():
    rng = np.random.default_rng(0)
    found = [agreement(*rng.standard_normal((2, 1, 96, 96))) for _ in range(30)]
    assert max(one.sure for one in found) < 0.85
    assert not any(one.same or one.moved for one in found)


def test_halves_of_a_tomogram_agree_though_a_voxel_is_nearly_all_noise():
    """At a signal to noise ratio of 0.02 in variance a voxel-wise correlation says nothing."""
    x = gaussian_filter(np.random.default_rng(0).standard_normal((64, 96, 96)), 3.0)
    x /= x.std()
    first, second = images(recorded(x, 1, 7.0), recorded(x, 2, 7.0), "ZYX")
    assert np.corrcoef(first.data.ravel(), second.data.ravel())[0, 1] < 0.025
    assert matched(first, second) is second
    with pytest.raises(InputError, match="do not show the same object"):
        matched(first, Image(data=second.data[::-1].transpose(0, 2, 1), axes="ZYX"))


@pytest.mark.parametrize("shift", [(3, 0), (-2, 5), (1, -1)])
def test_a_scene_that_moved_is_refused_with_its_shift(shift):
    x = scene(160, 160)
    found = agreement(recorded(x, 1)[None], recorded(np.roll(x, shift, (0, 1)), 2)[None])
    assert found.shift == pytest.approx(shift, abs=0.5)
    assert found.moved
    with pytest.raises(InputError, match=r"[+-]\d\.\d pixels along Y and [+-]\d\.\d along X apart: align"):
        matched(*images(recorded(x, 1), recorded(np.roll(x, shift, (0, 1)), 2)))


def test_another_gain_and_zero_are_brought_to_the_first_with_a_warning():
    """The scale is that of the scene: noise, of which the second has four times as much, does not flatten it."""
    x = scene(4, 128, 128)
    first, second = images(recorded(x, 1, 0.5), 3 * recorded(x, 2, 2.0) + 7, "TYX")
    with pytest.warns(UserWarning, match="was brought to its scale, as 0.3"):
        found = matched(first, second)
    np.testing.assert_allclose(found.data[1:3, 5:], ((second.data - 7) / 3)[1:3, 5:], atol=0.3)
    assert np.asarray(found.data[...]).mean() == pytest.approx(first.data.mean(), abs=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert matched(first, found) is found
        assert matched(first, second, truth=True) is second


def test_shapes_must_match():
    with pytest.raises(InputError, match=r"Pairs must match: The image is YX \(64, 64\)"):
        matched(*images(scene(64, 64), scene(64, 65)))


def test_planes_are_spread_over_the_axes_and_slabs_of_a_volume_averaged():
    image = Image(data=np.arange(3 * 20 * 600 * 8.0).reshape(3, 20, 600, 8), axes="TZYX")
    found = planes_of(image)
    assert found.shape == (6, 512, 8)
    np.testing.assert_allclose(found[3], image.data[1, 8:16, 44:556].mean(0))
    np.testing.assert_allclose(planes_of(image, T=2), found[4:])
    assert planes_of(Image(data=np.zeros((100, 8, 8)), axes="TYX")).shape == (20, 8, 8)


@pytest.mark.real
def test_real_repeats_agree_and_other_parts_of_them_do_not(data_root):
    from pellucid.data.io import read

    for name in ("fluo_repeats_calcium/noisy_10repeats_TYX.tif", "fluo_static_repeats/stuck_beads_5repeats_TYX.tif"):
        movie = np.asarray(read(data_root / name, axes="TYX").data[...], np.float64)
        for other in movie[1:]:
            found = agreement(movie[:1], other[None])
            assert found.same
            assert not found.moved
            assert agreement(movie[:1, :-2, 1:], other[None, 2:, :-1]).moved
        left, right = movie[:1, :, :160], movie[1:2, :, 160:320]
        assert not agreement(left, right).same
