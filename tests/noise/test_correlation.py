import os

import numpy as np
import pytest
from scipy import ndimage
from scipy.signal import lfilter
from skimage.io import imread

from pellucid.noise import diagnose
from pellucid.noise.correlation import Autocorrelation


@pytest.fixture
def scene(numpy_rng):
    """Return blobs and fine texture, shape (256, 256), between 0 and about 300."""
    coarse, fine = (ndimage.gaussian_filter(numpy_rng.normal(size=(256, 256)), s, mode="wrap") for s in (8, 2))
    return 150 + 50 * coarse / coarse.std() + 10 * fine / fine.std() * (coarse > 0)


def along_rows(numpy_rng, decay):
    """Return noise of unit variance whose correlation falls by `decay` a pixel along rows, and not across."""
    white = numpy_rng.normal(size=(256, 320))
    return lfilter([(1 - decay**2) ** 0.5], [1, -decay], white)[:, 64:]


def test_white_noise_on_texture_has_no_pattern(scene, numpy_rng):
    seen = diagnose(scene + 10 * numpy_rng.normal(size=scene.shape)).correlation
    assert not seen.correlated
    assert seen.mask().tolist() == [[True]]
    assert str(seen) == "independent from pixel to pixel"


def test_camera_noise_reaches_as_far_as_its_kernel(scene, numpy_rng):
    """White noise under [1 2 1] / 4 both ways: correlated by 2/3 and 1/6 at distances 1 and 2 along an axis."""
    noise = ndimage.convolve(numpy_rng.normal(size=scene.shape), np.outer([1, 2, 1], [1, 2, 1]) / 6, mode="wrap")
    seen = diagnose(scene + 10 * noise).correlation
    mask = seen.mask()
    assert seen.correlated
    assert seen.along_x[:4] == pytest.approx([1, 2 / 3, 1 / 6, 0], abs=0.08)
    assert {*mask.shape} <= {3, 5}
    assert mask[mask.shape[0] // 2 - 1 :, mask.shape[1] // 2 - 1 :][:3, :3].all()
    assert np.array_equal(mask, mask[::-1, ::-1])


@pytest.mark.parametrize("turned", [False, True])
def test_scan_line_noise_is_a_line(turned, scene, numpy_rng):
    noise = 10 * along_rows(numpy_rng, 0.8)
    seen = diagnose(scene + (noise.T if turned else noise)).correlation
    mask = seen.mask().T if turned else seen.mask()
    profile = seen.along_y if turned else seen.along_x
    assert profile[:5] == pytest.approx(0.8 ** np.arange(5), abs=0.1)
    assert mask.shape[0] == 1
    assert 11 <= mask.shape[1] <= 21
    assert mask.all()
    rows, columns = mask.T.shape if turned else mask.shape
    assert str(seen) == f"correlated over {rows} x {columns} pixels"


def test_stripes_are_named(scene, numpy_rng):
    noise = numpy_rng.normal(size=scene.shape) + 0.4 * numpy_rng.normal(size=(256, 1))
    seen = diagnose(scene + 10 * noise).correlation
    assert seen.stripes_x == pytest.approx(0.4, abs=0.08)
    assert seen.stripes_y == 0
    assert not seen.correlated
    assert str(seen) == f"independent from pixel to pixel, horizontal stripes of {seen.stripes_x:.2f} sigma"


def test_the_mask_is_cut_from_map_and_profiles():
    seen = np.zeros((7, 7))
    seen[3, 3], seen[2:5, 3], seen[3, 2:5], seen[2, 4], seen[4, 2] = 1, 0.5, 0.5, 0.2, 0.2
    along = np.pad([1.0, 0.5, 0.2, 0.05, 0.3], (0, 12))
    found = Autocorrelation(map=seen, lag1_y=0.5, lag1_x=0.5, total=1.0, along_x=along).mask()
    assert found.astype(int).tolist() == [[0, 0, 1, 1, 0], [1, 1, 1, 1, 1], [0, 1, 1, 0, 0]]


@pytest.mark.parametrize("side", [32, 40])
def test_small_images_have_short_profiles(side, numpy_rng):
    seen = diagnose(100 + numpy_rng.normal(size=(side, side))).correlation
    assert seen.along_x.shape == seen.along_y.shape == (17,)
    assert not seen.along_x[side // 4 + 1 :].any()


@pytest.mark.real
@pytest.mark.skipif("PELLUCID_DATA" not in os.environ, reason="set PELLUCID_DATA to the folder of real data sets")
@pytest.mark.parametrize("number", ["1", "2", "3"])
@pytest.mark.parametrize("channel", ["B", "G", "R"])
def test_wide_field_noise_reaches_two_pixels(channel, number, data_root):
    seen = diagnose(imread(data_root / "fluo_fmd" / "raw" / f"WideField_BPAE_{channel}_{number}.png")).correlation
    assert str(seen) == "correlated over 5 x 5 pixels"


@pytest.mark.real
@pytest.mark.skipif("PELLUCID_DATA" not in os.environ, reason="set PELLUCID_DATA to the folder of real data sets")
def test_confocal_and_two_photon_noise_has_no_pattern(data_root):
    files = [*(data_root / "fluo_fmd" / "raw").glob("[CT]*.png")]
    assert len(files) == 27
    assert {str(diagnose(imread(file)).correlation) for file in files} == {"independent from pixel to pixel"}


def test_the_faint_long_tail_of_correlated_noise_counts(numpy_rng):
    """A quarter of the variance lies in blotches of five pixels: a narrow filter takes them for structure."""
    scene = ndimage.gaussian_filter(numpy_rng.normal(size=(400, 400)), 12, mode="wrap")
    scene[:, :200] = 0
    short, long = (ndimage.gaussian_filter(numpy_rng.normal(size=(400, 400)), s, mode="wrap") for s in (0.7, 2.5))
    noise = 0.75**0.5 * short / short.std() + 0.5 * long / long.std()
    seen = diagnose(150 + 60 * scene / scene.std() + 10 * noise)
    assert seen.correlation.correlated
    assert seen.transfer.variance_at(np.array(150.0)) == pytest.approx(100, rel=0.15)


@pytest.mark.real
@pytest.mark.skipif("PELLUCID_DATA" not in os.environ, reason="set PELLUCID_DATA to the folder of real data sets")
@pytest.mark.parametrize("number", ["2", "3"])
@pytest.mark.parametrize("channel", ["B", "G", "R"])
def test_the_strength_of_wide_field_noise_is_found_within_an_eighth(channel, number, data_root):
    name = f"WideField_BPAE_{channel}_{number}.png"
    raw, truth = (imread(data_root / "fluo_fmd" / kind / name).astype(float) for kind in ("raw", "gt"))
    variance = diagnose(raw).transfer.variance_at(truth)
    assert ((raw - truth) ** 2 / variance).mean() ** 0.5 == pytest.approx(1, abs=0.125)
