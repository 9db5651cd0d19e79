import numpy as np
import pytest

from pellucid.data.prepare.psf import measured, prepared
from pellucid.errors import InputError
from pellucid.operators.optics import Optics
from pellucid.operators.psf import gaussian


def blob(shape, centre, width=1.5):
    grid = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")
    return np.exp(-sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)) / (2 * width**2))


@pytest.mark.parametrize("centre", [(8, 16, 16), (7, 15, 17), (7.5, 15.5, 15.5), (8.3, 15.9, 16.2)])
def test_the_centre_of_a_psf_is_brought_to_the_middle_from_between_voxels(centre):
    shape = (16, 32, 32)
    psf = prepared(7 * blob(shape, centre))
    assert psf.sum() == pytest.approx(1)
    true = blob(psf.shape, tuple(n // 2 for n in psf.shape))
    np.testing.assert_allclose(psf, true / true.sum(), atol=1e-3 * psf.max())


def test_a_psf_in_its_place_stays_as_it_is():
    psf = blob((8, 9), (4, 4)) * (blob((8, 9), (4, 4), 3) > 0.5)
    np.testing.assert_allclose(prepared(psf), psf / psf.sum(), atol=1e-15)


def test_the_offset_of_a_camera_is_no_light(numpy_rng):
    true = prepared(blob((15, 21, 21), (7, 10, 10)))
    counts = numpy_rng.poisson(100 + 1e5 * true)
    assert np.abs(prepared(counts) - true).sum() < 0.15
    assert np.abs(prepared(counts - counts.min()) - true).sum() > 0.15, "the offset matters"
    haze = prepared(true + 1e-5 * blob((15, 21, 21), (7, 10, 10), 6))
    assert haze[0, 0, 0] > 0, "faint light is no offset"


@pytest.mark.parametrize(
    ("psf", "message"),
    [
        (np.full((5, 5), np.nan), "holds NaN"),
        (1j * blob((9, 9), (4, 4)), "squares of their moduli"),
        (np.zeros((5, 5)), "holds no light"),
        (blob((9, 9), (4, 4)) - 0.5, "negative values, down to -0.49"),
        (blob((16, 16), (0, 0)), "its centre at .*, far from its middle"),
    ],
)
def test_what_is_no_psf_is_refused(psf, message):
    with pytest.raises(InputError, match=message):
        prepared(psf)


def test_a_psf_is_measured_from_beads_between_pixels(numpy_rng):
    optics = Optics(na=0.8, wavelength_nm=520, index=1.0, coverslip_index=1.0)
    sizes = {"pixel_size_nm": 130.0, "plane_spacing_nm": 400.0}
    fine = gaussian((31, 153, 153), optics, pixel_size_nm=130 / 3, plane_spacing_nm=400)[0, 0].numpy()
    stack = np.zeros((31, 120, 150))
    shifts = [(-1, 0), (0, 1), (1, -1), (0, 0), (1, 1)]
    for (row, column), (dy, dx) in zip([(30, 30), (30, 75), (30, 120), (90, 30), (90, 100)], shifts, strict=True):
        moved = np.roll(fine, (dy, dx), (1, 2))[:, 1::3, 1::3]  # by thirds of a pixel
        stack[:, row - 25 : row + 26, column - 25 : column + 26] += 2e5 * moved / moved.sum()
    found = measured(numpy_rng.poisson(stack + 20))
    assert len(found.places) == found.found == 5
    expected = np.array([[15, 30 - 1 / 3, 30], [15, 30, 75 + 1 / 3]])
    np.testing.assert_allclose(found.places[:2], expected, atol=0.06)
    true = gaussian(found.psf.shape, optics, **sizes)[0, 0].numpy()
    assert np.abs(found.psf - true).max() < 0.06 * true.max()


def test_beads_that_touch_are_no_psf(numpy_rng):
    crowd = sum(blob((40, 40), place) for place in ((18, 18), (18, 24)))
    with pytest.raises(InputError, match="no bead that stands alone, of 2"):
        measured(1000 * crowd + numpy_rng.normal(size=(40, 40)))
    with pytest.raises(InputError, match="of 0 that were found"):
        measured(numpy_rng.normal(size=(9, 40, 40)))
