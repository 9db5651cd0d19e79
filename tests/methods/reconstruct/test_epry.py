import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods.reconstruct.epry import epry
from pellucid.operators import Identity
from pellucid.operators.ptychography import illumination, microscope

STEPS = torch.cartesian_prod(torch.arange(-2, 3), torch.arange(-2, 3))
LENS = {"na": 0.1, "wavelength_nm": 630.0, "pixel_size_nm": 1600.0}


def test_it_finds_an_object_finer_than_any_view(rng):
    # a phase grating whose first orders pass the lens only under tilted light
    operator = microscope(illumination(4.0 * STEPS, distance_mm=90.0), (32, 32), upsampling=3, **LENS)
    n = torch.arange(96)
    grating = torch.exp(0.5j * torch.cos(2 * torch.pi * 12 * n / 96)).expand(1, 1, 96, 96)
    given = Measurement(y=operator(grating), operator=operator)
    assert given.y[0, 0, 12].std() < 1e-3 * given.y.max()  # central light: nothing to be seen
    found = epry(given, rng=rng, pupil=False).restorer(given)
    phase = (found * found.mean().conj()).angle()[0, 0]
    order = torch.fft.fft(phase, dim=-1).abs().mean(0) / 48
    assert order[12] == pytest.approx(0.5, rel=0.05)


def test_it_asks_for_fourier_ptychography(rng):
    with pytest.raises(InputError, match="the instrument is Identity"):
        epry(Measurement(y=torch.ones(1, 1, 4, 4), operator=Identity()), rng=rng)
