import math

import pytest
import torch

from pellucid.data.simulate.beads import Bead, fields, potential, spectrum
from pellucid.operators.diffraction import DiffractionTomography, Optics, refractive_index

K, MEDIUM = 1.1, 1.33
BEADS = (Bead((2.0, -3.5, 4.0), 4.0, 1.36), Bead((-4.0, 5.0, -2.0), 3.0, 1.30))
SPACE = (27, 28, 29)


def test_volume_is_that_of_the_balls():
    f = potential(BEADS[:1], K, MEDIUM, SPACE)
    value = K**2 * ((1.36 / MEDIUM) ** 2 - 1)
    assert float(f.sum() / value) == pytest.approx(4 / 3 * math.pi * 4**3, rel=0.01)
    index = refractive_index(f, K, MEDIUM)[0, 0]
    assert float(index.max()) == pytest.approx(1.36, abs=1e-6)
    assert float(index.min()) == pytest.approx(MEDIUM, abs=1e-6)


def test_spectrum_is_the_fourier_transform_of_the_voxels():
    low = torch.tensor([[0.0, 0.2, -0.1, 0.3], [0.0, 0.1, 0.3, 0.0], [0.0, -0.2, 0.1, 1e-5]]).double()[None]
    f = potential(BEADS, K, MEDIUM, SPACE)[0, 0]
    axes = [torch.arange(n, dtype=torch.float64) - (n - 1) / 2 for n in SPACE]
    place = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    expected = torch.exp(-1j * torch.einsum("dzyx,bdj->bjzyx", place, low)).mul(f).sum((-3, -2, -1))
    found = spectrum(BEADS, low, K, MEDIUM)[:, 0]
    assert (found - expected).abs().max() < 0.02 * spectrum(BEADS[:1], low, K, MEDIUM).abs().max()


@pytest.mark.parametrize("geometry", ["turning", "illuminated"])
def test_fields_of_voxels_approach_those_of_the_balls(geometry):
    optics = Optics(wavenumber=K)
    if geometry == "turning":
        operator = DiffractionTomography.turning(torch.tensor([0.3, 2.0]).double(), optics, space=SPACE)
    else:
        directions = torch.tensor([[0.8, 0.6, 0.0], [0.96, 0.0, -0.28]]).double()
        operator = DiffractionTomography.illuminated(directions, optics, space=SPACE, detector=(28, 30))
    exact = fields(BEADS, operator, MEDIUM)
    voxels = operator(potential(BEADS, K, MEDIUM, SPACE).to(torch.complex128))
    assert (voxels - exact).norm() < 0.05 * exact.norm()


def test_light_passes_the_middle_of_a_large_bead_as_a_straight_ray():
    k, bead = 3.0, Bead((0.0, 0.0, 0.0), 24.0, 1.332)
    operator = DiffractionTomography.turning(
        torch.zeros(1).double(), Optics(wavenumber=k, aperture=0.3), space=(8, 8, 8), detector=(96, 96)
    )
    phase = fields([bead], operator, MEDIUM)[0, 0, 0].imag[40:56, 40:56].mean()
    row, column = torch.meshgrid(*[torch.arange(16) - 7.5] * 2, indexing="ij")
    chord = 2 * (24**2 - row**2 - column**2).sqrt().mean()
    assert float(phase) == pytest.approx(float(k * (1.332 / MEDIUM - 1) * chord), rel=0.03)
