import math

import numpy as np
import pytest
import torch

from pellucid.operators.ctf import ctf, electron_wavelength_angstrom

MICROSCOPE = {"voltage_kv": 200.0, "spherical_aberration_mm": 2.0, "amplitude_contrast": 0.07}
FOCUS = {"defocus_um": 1.7, "astigmatism_um": 0.03, "astigmatism_angle": 0.6, "phase_shift": 0.4}


@pytest.mark.parametrize("size", [32, 33])
def test_the_ctf_is_that_of_torch_ctf(size):
    """Which works in single precision, and shortens its directions by an epsilon that grows with astigmatism."""
    oracle = pytest.importorskip("torch_ctf", reason="torch-ctf, of the extra dev, is an independent oracle")
    expected = oracle.calculate_ctf_2d(
        FOCUS["defocus_um"],
        FOCUS["astigmatism_um"],
        math.degrees(FOCUS["astigmatism_angle"]),
        *MICROSCOPE.values(),
        math.degrees(FOCUS["phase_shift"]),
        pixel_size=10.0,
        image_shape=(size, size),
        rfft=True,
        fftshift=False,
    )
    found = ctf(size, pixel_size_angstrom=10.0, **MICROSCOPE, **FOCUS)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_the_ctf_is_relions_formula_with_u_and_v():
    """Sigma and gamma as a microscopist writes them: lambda by 12.2643 / sqrt(V + 0.97848e-6 V^2), U, V, K1, K2."""
    u, v, axis = 1.73e4, 1.67e4, 0.6
    y, x = np.fft.fftfreq(24)[:, None] / 1.3, np.fft.rfftfreq(24) / 1.3
    wavelength = 12.2642597 / np.sqrt(2e5 + 0.97847539e-6 * 2e5**2)
    squared, angle = x**2 + y**2, np.arctan2(y, x)
    focus = 0.5 * (u + v + (u - v) * np.cos(2 * (angle - axis)))
    gamma = -np.pi * wavelength * focus * squared + np.pi / 2 * 2e7 * wavelength**3 * squared**2 - 0.4
    expected = -np.sqrt(1 - 0.07**2) * np.sin(gamma) + 0.07 * np.cos(gamma)
    found = ctf(24, pixel_size_angstrom=1.3, **MICROSCOPE, **FOCUS, b_factor_angstrom2=80.0, scale=0.5)
    np.testing.assert_allclose(found, 0.5 * np.exp(-20 * squared) * expected, atol=3e-5)


@pytest.mark.parametrize(("voltage", "picometres"), [(100, 3.7014), (200, 2.5079), (300, 1.9687)])
def test_the_wavelength_is_the_tabulated_one(voltage, picometres):
    assert electron_wavelength_angstrom(torch.tensor(voltage)).item() * 100 == pytest.approx(picometres, abs=1e-4)


def test_parameters_broadcast_and_keep_their_type():
    many = ctf(8, pixel_size_angstrom=2.0, defocus_um=torch.tensor([[1.0, 2.0, 3.0]]).double(), voltage_kv=200.0)
    assert (many.shape, many.dtype) == ((1, 3, 8, 5), torch.float64)
    one = ctf(8, pixel_size_angstrom=2.0, defocus_um=2.0, voltage_kv=200.0)
    torch.testing.assert_close(many[0, 1].float(), one)


def test_the_ctf_can_be_differentiated_in_every_parameter():
    values = [2.0, 1.0, 0.1, 0.3, 250.0, 2.0, 0.1, 0.2, 30.0, 0.9]
    names = ["pixel_size_angstrom", "defocus_um", "astigmatism_um", "astigmatism_angle", "voltage_kv"]
    names += ["spherical_aberration_mm", "amplitude_contrast", "phase_shift", "b_factor_angstrom2", "scale"]
    leaves = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in values]
    assert torch.autograd.gradcheck(lambda *given: ctf(5, **dict(zip(names, given, strict=True))), leaves, atol=1e-4)
