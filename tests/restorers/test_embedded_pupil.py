import math

import pytest
import torch

from pellucid._math.fft import fft, ifft
from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.operators import Identity
from pellucid.operators.ptychography import illumination, microscope
from pellucid.restorers.embedded_pupil import EmbeddedPupil

SIDE = 32
STEPS = torch.cartesian_prod(torch.arange(-3, 4), torch.arange(-3, 4))
SINES = illumination(4.0 * STEPS, distance_mm=90.0)
LENS = {"na": 0.1, "wavelength_nm": 630.0, "pixel_size_nm": 1600.0}
OPERATOR = microscope(SINES, (SIDE, SIDE), upsampling=3, **LENS)


@pytest.fixture
def truth(rng):
    """Return an object with the frequencies that some view sees, (2, 1, 96, 96)."""
    noise = torch.randn(2, 1, 96, 96, 2, generator=rng)
    n = torch.arange(96) - 48
    low = torch.exp(-(n[:, None] ** 2 + n**2) / (2 * 12**2))
    smooth = ifft(fft(torch.view_as_complex(noise), 2) * low, 2)
    x = torch.exp(1j * smooth.real / smooth.real.std() * 0.5) * (1 + 0.2 * smooth.imag / smooth.imag.std())
    delta = torch.zeros(1, 1, 96, 96, dtype=torch.complex64)
    delta[..., 48, 48] = 96
    reach = OPERATOR.fields.normal(delta)
    return ifft(fft(x, 2) * (fft(reach, 2).abs() > 1e-6), 2)


def error(found, truth):
    """Return the relative error up to the phase that no intensity shows."""
    phase = (truth.conj() * found).sum((-2, -1), keepdim=True).sgn()
    return torch.linalg.vector_norm(found / phase - truth) / torch.linalg.vector_norm(truth)


def aberrated(operator):
    """Return the operator with astigmatism and a lens that absorbs at the edge."""
    n = (torch.arange(SIDE) - SIDE // 2) / 16
    row, column = n[:, None], n[None, :]
    phase = 3 * (row**2 - column**2)
    pupil = operator.fields.complex_pupil(torch.zeros(())) * torch.exp(1j * phase - 0.3 * (row**2 + column**2))
    return operator.with_pupil(pupil)


def test_the_object_is_recovered_from_intensities_alone(truth):
    given = Measurement(y=OPERATOR(truth), operator=OPERATOR)
    found = EmbeddedPupil(iterations=40, pupil=False)(given)
    start = OPERATOR.backproject(given.y)
    assert error(found, truth) < 0.02 < 0.2 < error(start, truth)
    small = EmbeddedPupil(iterations=40, pupil=False)(given.with_y(1e-10 * given.y))
    torch.testing.assert_close(small * 1e5, found, rtol=1e-2, atol=1e-2)


def test_aberrations_are_found_with_the_object(truth):
    instrument = aberrated(OPERATOR)
    given = Measurement(y=instrument(truth), operator=OPERATOR)
    without = EmbeddedPupil(pupil=False)(given)
    found, recovered = EmbeddedPupil().recover(given)
    assert error(found, truth) < error(without, truth)
    left = [torch.linalg.vector_norm(part - given.y) for part in (recovered(found), OPERATOR(without))]
    assert left[0] < 0.95 * left[1]
    aberrations = [torch.view_as_complex(op.fields.pupil)[0, 24] for op in (recovered, instrument)]
    seen = aberrations[1].abs() > 0
    phases = [part[seen].angle() - part[seen].angle().mean() for part in aberrations]
    assert torch.corrcoef(torch.stack(phases))[0, 1] > 0.5


def test_views_of_no_weight_are_predicted_and_never_read(truth):
    y, weight = OPERATOR(truth), torch.ones(1, 1, 49, 1, 1)
    weight[:, :, 10] = 0
    found, recovered = EmbeddedPupil(iterations=5).recover(Measurement(y=y, operator=OPERATOR, weight=weight))
    other = y.clone()
    other[:, :, 10] = 1e6
    again, _ = EmbeddedPupil(iterations=5).recover(Measurement(y=other, operator=OPERATOR, weight=weight))
    assert torch.equal(again, found)
    predicted, start = (op(x)[:, :, 10] for op, x in ((recovered, found), (OPERATOR, OPERATOR.backproject(y))))
    errors = [torch.linalg.vector_norm(part - y[:, :, 10]) for part in (predicted, start)]
    assert errors[0] < 0.2 * errors[1]


def test_every_entry_of_the_batch_is_its_own(truth):
    given = Measurement(y=OPERATOR(truth), operator=OPERATOR)
    found, recovered = EmbeddedPupil(iterations=2).recover(given)
    alone, pupil = EmbeddedPupil(iterations=2).recover(given.with_y(given.y[1:]))
    torch.testing.assert_close(found[1:], alone)
    torch.testing.assert_close(recovered[1].fields.pupil, pupil.fields.pupil)


def test_what_is_no_intensity_is_refused(truth):
    y = OPERATOR(truth)
    with pytest.raises(InputError, match="1 recorded values are"):
        EmbeddedPupil()(Measurement(y=negative(y), operator=OPERATOR))
    with pytest.raises(InputError, match="needs Fourier ptychography, but the instrument is Identity"):
        EmbeddedPupil()(Measurement(y=y, operator=Identity()))


def negative(y):
    y = y.clone()
    y[0, 0, 3, 4, 5] = -math.pi
    return y
