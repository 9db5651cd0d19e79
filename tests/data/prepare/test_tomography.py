import numpy as np
import pytest
import torch

from pellucid.data.prepare.tomography import (
    find_centre,
    line_integrals,
    noise_of_line_integrals,
    transmission,
    without_rings,
)
from pellucid.data.simulate.ellipses import shepp_logan
from pellucid.data.simulate.foam import foam
from pellucid.errors import InputError


def sinogram(phantom, angles, size, detector, centre):
    return phantom.sinogram(torch.from_numpy(angles), size=size, detector=detector, centre=centre)[0, 0].numpy()


def test_counts_become_line_integrals(numpy_rng):
    exact = 0.02 * sinogram(shepp_logan(), np.linspace(0, 3, 40), 64, 96, 47.5)
    dark, beam = 100 + 10 * numpy_rng.random(96), 20_000 * (0.8 + 0.4 * numpy_rng.random(96))
    counts = dark + beam * np.exp(-exact)
    white, black = np.broadcast_to(dark + beam, (5, 96)), np.broadcast_to(dark, (4, 96))
    np.testing.assert_allclose(line_integrals(transmission(counts, white, black)), exact, atol=1e-9)


def test_the_noise_of_line_integrals_is_found_in_the_white_fields(numpy_rng):
    gain, beam = 3.0, 6_000.0
    passed = np.linspace(1.0, 0.1, 200)
    dark = np.full((1, 200), 50.0)
    flicker = 1 + 0.1 * numpy_rng.standard_normal((20, 1))
    white = 50 + gain * numpy_rng.poisson(flicker * beam / gain, (20, 200))
    counts = 50 + gain * numpy_rng.poisson(beam / gain * passed, (2_000, 200))
    variance = noise_of_line_integrals(counts, white, dark)
    measured = line_integrals((counts - 50) / beam).var(0)
    np.testing.assert_allclose(variance.mean(0), measured, rtol=0.2)
    assert noise_of_line_integrals(counts, white[:2], dark) is None


@pytest.mark.parametrize(
    ("passed", "floor", "sentence"),
    [
        ([0.5, 0.0, -0.1], None, r"2 of 3 rays have no counts left.*-0\.1.*--floor"),
        ([0.5, np.nan, 0.2], 0.1, "1 measured values are not finite"),
        ([0.5], 2.0, "lies between 0 and 1"),
    ],
)
def test_what_has_no_logarithm_is_refused(passed, floor, sentence):
    with pytest.raises(InputError, match=sentence):
        line_integrals(np.array(passed), floor=floor)


def test_a_floor_stands_for_all_that_is_darker():
    np.testing.assert_allclose(line_integrals(np.array([1.0, -0.2, 0.0]), floor=1e-3), -np.log([1, 1e-3, 1e-3]))


def test_exchanged_fields_are_refused():
    with pytest.raises(InputError, match="3 of 4 detector bins"):
        transmission(np.ones((2, 4)), np.array([[1.0, 1.0, 1.0, 9.0]]), np.full((1, 4), 2.0))


def test_stripes_go_and_the_object_stays(numpy_rng):
    exact = sinogram(shepp_logan(), np.arange(180) * np.pi / 180, 128, 184, 91.5)
    stripes = np.where(numpy_rng.random(184) < 0.1, numpy_rng.normal(0, 3, 184), 0)
    cleaned = without_rings(exact + stripes, width=9)
    error, before = np.abs(cleaned - exact), np.abs(np.broadcast_to(stripes, exact.shape))
    assert np.sqrt((error**2).mean()) < 0.5 * np.sqrt((before**2).mean())
    stack = without_rings(np.stack([exact, exact + stripes]), width=9)
    np.testing.assert_array_equal(stack[1], cleaned)


HALF, FULL = np.arange(120) * np.pi / 120, np.arange(240) * np.pi / 120


@pytest.mark.parametrize(
    ("phantom", "angles", "detector", "centre", "error"),
    [
        (shepp_logan(), HALF, 160, 81.3, 0.1),
        (foam(30, torch.Generator().manual_seed(0)), HALF, 200, 90.75, 0.1),
        (foam(30, torch.Generator().manual_seed(0)), FULL[::-1], 200, 90.75, 0.1),
        (foam(30, torch.Generator().manual_seed(0)), HALF + 2.0, 100, 45.3, 0.2),  # wider than the detector
        (shepp_logan(), np.sort(np.modf(np.arange(50) * 0.618)[0]) ** 1.1 * 2.0, 160, 81.3, 0.05),  # uneven
    ],
    ids=["head", "foam", "full turn", "truncated", "uneven and limited"],
)
@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_the_centre_of_rotation_is_found(phantom, angles, detector, centre, error, noise, numpy_rng):
    y = sinogram(phantom, angles.copy(), 128, detector, centre)
    y = y + noise * numpy_rng.standard_normal(y.shape)
    assert find_centre(y, angles) == pytest.approx(centre, abs=error + 0.15 * noise)


@pytest.mark.real
def test_the_tooth_turns_about_bin_296(data_root):
    with np.load(data_root / "ct_tooth" / "tooth_slice.npz") as file:
        y = line_integrals(transmission(file["proj"], file["white"], file["dark"]))
        assert find_centre(y, np.deg2rad(file["theta_deg"])) == pytest.approx(296, abs=0.5)


@pytest.mark.real
@pytest.mark.parametrize("cleaned", [False, True])
def test_the_dendrite_turns_about_bin_629(cleaned, data_root):
    with np.load(data_root / "ct_dendrite" / "dend_sino.npz") as file:
        y, angles = file["sino"], file["angles_rad"]
    assert find_centre(without_rings(y) if cleaned else y, angles) == pytest.approx(629.3, abs=0.4)
