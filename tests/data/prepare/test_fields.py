import math

import pytest
import torch

from pellucid.data.prepare.fields import (
    axis_of_rotation,
    border,
    divided,
    levelled,
    padded,
    refocused,
    rytov,
    unwrapped,
)
from pellucid.data.simulate.beads import Bead, fields
from pellucid.errors import InputError
from pellucid.operators.diffraction import DiffractionTomography, Optics


def cells(height):
    """Return a phase (view, row, column), smooth and zero at the border."""
    row, column = torch.meshgrid(torch.linspace(-3, 3, 48), torch.linspace(-3, 3, 50), indexing="ij")
    one = torch.exp(-(row**2 + column**2)).double()
    return height * torch.stack([one, 0.3 * one])


def test_phase_is_unwrapped_and_its_turns_removed():
    phase = cells(20.0)
    offset = torch.tensor([4.0, -6.0])[:, None, None] * math.pi
    wrapped = torch.polar(torch.ones_like(phase), phase + offset).angle()
    torch.testing.assert_close(unwrapped(wrapped), phase, atol=1e-5, rtol=0)
    assert torch.equal(unwrapped(wrapped), unwrapped(wrapped))


def test_rytov_is_the_logarithm():
    phase, absorption = cells(9.0), 1 - 0.2 * cells(1.0)
    torch.testing.assert_close(rytov(torch.polar(absorption, phase)), torch.complex(absorption.log(), phase))


def test_tilt_and_offset_go():
    clean = torch.complex(-cells(0.2), cells(9.0))
    row, column = torch.meshgrid(torch.arange(48.0), torch.arange(50.0), indexing="ij")
    ramp = torch.complex(0.1 - 0.002 * row, 0.3 + 0.01 * row - 0.02 * column)
    cleaned = levelled(clean + ramp, 3)
    torch.testing.assert_close(cleaned, clean.to(cleaned), atol=5e-3, rtol=0)


@pytest.mark.parametrize("sign", [1, -1])
def test_refocusing_is_how_waves_travel(sign):
    k, shape = 1.1, (40, 41)
    row, column = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in shape), indexing="ij")
    kappa = 2 * math.pi * torch.tensor([3 / 40, -5 / 41], dtype=torch.float64)
    wave = torch.polar(torch.ones_like(row), kappa[0] * row + kappa[1] * column)[None]
    kz = (k**2 - kappa.square().sum()).sqrt()
    moved = refocused(wave, 7.0, k, sign=sign)
    torch.testing.assert_close(moved, wave * torch.exp(sign * 1j * (kz - k) * 7))
    torch.testing.assert_close(refocused(moved, -7.0, k, sign=sign), wave)


@pytest.mark.parametrize("sign", [1, -1])
def test_refocused_is_what_the_instrument_sees_in_that_plane(sign):
    directions = torch.tensor([[0.8, 0.6, 0.0], [0.96, 0.0, -0.28]]).double()
    f = torch.zeros(1, 1, 8, 32, 32, dtype=torch.complex128)
    f[..., 3:5, 14:17, 15:18] = 0.1
    near, far = (
        DiffractionTomography.illuminated(directions, Optics(wavenumber=1.1, distance=d, sign=sign), space=f.shape[2:])
        for d in (1.0, 5.0)
    )
    moved = refocused(near(f)[0, 0], 4.0, 1.1, directions=directions, sign=sign)
    torch.testing.assert_close(moved, far(f)[0, 0])


def test_background_is_divided():
    field = torch.full((2, 3, 4), 2j)
    assert (divided(field, torch.full((3, 4), 1j)) == 2).all()
    with pytest.raises(InputError, match="shape"):
        divided(field, torch.ones(4, 3))
    with pytest.raises(InputError, match="zero"):
        divided(field, torch.zeros(3, 4))


def test_no_logarithm_of_darkness():
    with pytest.raises(InputError, match="Born"):
        rytov(torch.zeros(1, 4, 4, dtype=torch.complex64))


def test_edges_are_repeated():
    field = torch.arange(6.0).reshape(1, 2, 3)
    wide = padded(field, 2)
    assert wide.shape == (1, 6, 7)
    assert torch.equal(wide[:, 2:-2, 2:-2], field)
    assert (wide[0, :3, :3] == 0).all()
    assert int(border((5, 6), 1).sum()) == 18


@pytest.mark.parametrize("axis", ["Y", "X"])
def test_the_axis_is_where_the_mass_swings_about(axis):
    angles = torch.linspace(0, 5, 30, dtype=torch.float64)
    optics = Optics(wavenumber=1.1, centre=(17.3, 14.6))
    operator = DiffractionTomography.turning(angles, optics, space=(32, 32, 32), axis=axis)
    beads = [Bead((3.0, 1.0, -2.0), 4.0, 1.35), Bead((-2.0, -3.0, 4.0), 3.0, 1.36)]
    y = fields(beads, operator, 1.33)[0, 0]
    assert axis_of_rotation(y, angles, axis=axis) == pytest.approx(14.6 if axis == "Y" else 17.3, abs=0.1)
    assert axis_of_rotation(y.conj(), angles, axis=axis) == pytest.approx(axis_of_rotation(y, angles, axis=axis))
    assert axis_of_rotation(y[:10], angles[:10], axis=axis) is None
    assert axis_of_rotation(torch.zeros_like(y), angles, axis=axis) is None
