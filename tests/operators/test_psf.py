import numpy as np
import pytest
import torch
from scipy import integrate, special

from pellucid.errors import InputError
from pellucid.operators.optics import Optics
from pellucid.operators.psf import airy, born_wolf, confocal, gaussian, gibson_lanni, vectorial

OIL = Optics(na=1.4, wavelength_nm=520)
DRY = Optics(na=0.2, wavelength_nm=520, index=1.0, coverslip_index=1.0)
WATER = Optics(na=1.25, wavelength_nm=520, sample_index=1.33, depth_nm=3000, coverslip_index=1.52)
SAMPLING = {"pixel_size_nm": 60, "plane_spacing_nm": 150}
MODELS = [gaussian, born_wolf, gibson_lanni, vectorial]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("shape", [(7, 12, 9), (8, 16)], ids=str)
def test_every_psf_has_unit_sum_and_the_symmetry_of_the_optics(model, shape):
    psf = model(shape, OIL, **SAMPLING)
    assert psf.shape == (1, 1, *shape)
    assert psf.min() >= 0
    assert psf.sum().item() == pytest.approx(1)
    assert np.unravel_index(psf[0, 0].argmax().item(), shape) == tuple(n // 2 for n in shape)
    odd = model((*shape[:-2], 15, 15), OIL, **SAMPLING)
    for mirrored in (odd.flip(-1), odd.flip(-2), odd.mT, *([odd.flip(2)] if len(shape) == 3 else [])):
        torch.testing.assert_close(mirrored, odd)


def test_the_first_dark_ring_lies_at_0_61_wavelengths_by_aperture():
    ring = airy((3, 801), OIL, pixel_size_nm=1)[0, 0, 1, 400:]
    first = int((ring.diff() > 0).nonzero()[0])
    assert first == pytest.approx(0.6098 * 520 / 1.4, abs=1)
    assert ring[first] < 1e-5 * ring[0]


def test_in_focus_all_scalar_models_are_the_airy_pattern():
    for model in (born_wolf, gibson_lanni):
        torch.testing.assert_close(
            model((33, 32), OIL, pixel_size_nm=40),
            airy((33, 32), OIL, pixel_size_nm=40),
            **({} if model is born_wolf else {"atol": 1e-9, "rtol": 1e-6}),
        )


@pytest.mark.parametrize("model", [born_wolf, vectorial])
def test_at_a_low_aperture_all_models_agree(model):
    sizes = {"pixel_size_nm": 400, "plane_spacing_nm": 6000}
    exact, scalar = model((9, 31, 31), DRY, **sizes), gibson_lanni((9, 31, 31), DRY, **sizes)
    assert (exact - scalar).abs().max() < 0.02 * scalar.max()


def test_the_gaussian_is_as_wide_as_the_airy_disc():
    for model in (gaussian, airy):
        psf = model((3, 401), OIL, pixel_size_nm=1)[0, 0, 1]
        width = int((psf > psf.max() / 2).sum())
        assert width == pytest.approx(0.514 * 520 / 1.4, rel=0.04)


def debye(order, amplitude, r, z, optics, opd=None):
    """Integrate numerically what a ray at each angle brings to (r, z)."""
    n, k = optics.index, 2 * np.pi / optics.wavelength_nm
    opd = opd or (lambda theta: -n * z * np.cos(theta))
    limit = np.arcsin(min(optics.na, optics.sample) / n)

    def part(function):
        def f(t):
            return amplitude(t) * special.jv(order, k * n * r * np.sin(t)) * function(k * opd(t))

        return integrate.quad(f, 0, limit, limit=2000, epsabs=1e-12)[0]

    return part(np.cos) + 1j * part(np.sin)


def ratios(psf, intensity, points):
    """Return how PSF and integral compare, each relative to the first point."""
    found = np.array([psf[0, 0][p].item() for p in points])
    expected = np.array([intensity(*p) for p in points])
    return found / found[0], expected / expected[0]


@pytest.mark.parametrize("na", [0.3, 1.2, 1.4, 1.49])
def test_the_vectorial_psf_is_richards_and_wolfs_integral(na):
    optics = Optics(na=na, wavelength_nm=520, coverslip_index=1.515)
    psf = vectorial((21, 41, 41), optics, pixel_size_nm=50, plane_spacing_nm=100)

    def intensity(plane, row, column):
        r, z = 50 * np.hypot(row - 20, column - 20), 100 * (plane - 10)
        root = lambda t: np.sqrt(np.cos(t)) * np.sin(t)  # noqa: E731
        i0 = debye(0, lambda t: root(t) * (1 + np.cos(t)), r, z, optics)
        i1 = debye(1, lambda t: root(t) * np.sin(t), r, z, optics)
        i2 = debye(2, lambda t: root(t) * (1 - np.cos(t)), r, z, optics)
        return abs(i0) ** 2 + 2 * abs(i1) ** 2 + abs(i2) ** 2

    points = [(10, 20, 20), (10, 20, 24), (12, 21, 26), (0, 20, 20), (20, 10, 5), (4, 32, 20)]
    found, expected = ratios(psf, intensity, points)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_gibson_and_lannis_psf_is_their_integral():
    psf = gibson_lanni((21, 31, 31), WATER, pixel_size_nm=60, plane_spacing_nm=200)
    n, ns, depth = WATER.index, WATER.sample_index, WATER.depth_nm

    def intensity(plane, row, column):
        r, z = 60 * np.hypot(row - 15, column - 15), 200 * (plane - 10)

        def opd(t):  # of sample and immersion, the other layers being as designed
            return depth * np.sqrt(ns**2 - (n * np.sin(t)) ** 2) - (z + n * depth / ns) * n * np.cos(t)

        return abs(debye(0, lambda t: np.sin(t) * np.cos(t), r, z, WATER, opd)) ** 2

    points = [(12, 15, 15), (10, 15, 15), (10, 15, 19), (13, 17, 15), (0, 15, 15), (20, 2, 9)]
    found, expected = ratios(psf, intensity, points)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    along = psf[0, 0, :, 15, 15]
    assert not torch.allclose(along[1:], along[1:].flip(0), rtol=0.2), "a mismatch makes the PSF asymmetric"


def test_the_design_matters_only_where_it_differs():
    same = Optics(na=1.4, wavelength_nm=520, index_design=1.515, coverslip_index_design=1.5, coverslip_design_um=170)
    reference = gibson_lanni((9, 15, 15), OIL, **SAMPLING)
    torch.testing.assert_close(gibson_lanni((9, 15, 15), same, **SAMPLING), reference, atol=1e-10, rtol=1e-6)
    thick = Optics(na=1.4, wavelength_nm=520, coverslip_um=270, coverslip_design_um=170)
    assert gibson_lanni((9, 15, 15), thick, **SAMPLING).max() < 0.98 * reference.max()


@pytest.mark.parametrize("model", [born_wolf, gibson_lanni])
def test_every_plane_holds_the_same_energy(model):
    psf = model((5, 301, 301), Optics(na=0.9, wavelength_nm=520), pixel_size_nm=100, plane_spacing_nm=1000)
    planes = psf.sum((3, 4)).flatten()
    assert planes.max() < 1.03 * planes.min()


def test_the_mean_over_a_pixel_is_that_of_its_parts():
    for model in MODELS:
        parts = model((2, 27, 33), OIL, pixel_size_nm=100 / 3, plane_spacing_nm=200)
        mean = model((2, 9, 11), OIL, pixel_size_nm=100, plane_spacing_nm=200, subpixels=3)
        torch.testing.assert_close(mean, parts.reshape(1, 1, 2, 9, 3, 11, 3).sum((4, 6)))


@pytest.mark.parametrize("model", MODELS)
def test_every_psf_can_be_differentiated_in_the_optics(model):
    def centre(na, wavelength, index, depth):
        optics = Optics(na=na, wavelength_nm=wavelength, index=index, sample_index=1.38, depth_nm=depth)
        return model((3, 5, 5), optics, **SAMPLING)

    numbers = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (1.3, 520.0, 1.515, 400.0)]
    assert torch.autograd.gradcheck(centre, numbers, atol=1e-6)


def test_a_confocal_psf_is_the_product():
    wide = vectorial((9, 15, 15), OIL, **SAMPLING)
    psf = confocal(wide, wide)
    assert psf.sum().item() == pytest.approx(1)
    torch.testing.assert_close(psf / psf.max(), (wide / wide.max()) ** 2)


def test_optics_that_cannot_be_are_refused():
    with pytest.raises(InputError, match=r"lies between 0 and the index of the immersion medium, 1\.33, but is 1\.4"):
        Optics(na=1.4, wavelength_nm=520, index=1.33)
    with pytest.raises(InputError, match="but these are -520 nm"):
        Optics(na=1.4, wavelength_nm=-520)
    with pytest.raises(InputError, match="planes of None nm; give all"):
        gibson_lanni((5, 9, 9), OIL, pixel_size_nm=60)
    with pytest.raises(InputError, match="use Born-Wolf for a volume"):
        airy((5, 9, 9), OIL, pixel_size_nm=60)
