import math

import pytest
import torch

from pellucid._math.fft import fft
from pellucid.errors import InputError
from pellucid.operators.ptychography import (
    FourierPtychography,
    LowResolutionFields,
    illumination,
    microscope,
    pupil,
)
from pellucid.testing import assert_adjoint

LENS = {"na": 0.1, "wavelength_nm": 630.0, "pixel_size_nm": 1845.0}
POSITIONS = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, -4.0], [12.0, 8.0]])
SINES = illumination(POSITIONS, distance_mm=90.88)


def random_fields(rng, shape, space, batch=2):
    shifts = torch.randint(-2, 3, (batch, 5, 2), generator=rng)
    lens = torch.randn(batch, 1, *shape, dtype=torch.complex128, generator=rng)
    return LowResolutionFields(shifts, lens, space=space)


@pytest.mark.parametrize(("shape", "space"), [((4, 5), (9, 12)), ((5, 6), (10, 11))])
def test_the_linear_part_keeps_the_contract(shape, space, rng):
    assert_adjoint(random_fields(rng, shape, space), (2, 1, *space), rng)
    assert_adjoint(random_fields(rng, shape, space, batch=1), (2, 1, *space), rng)


def test_the_jacobian_keeps_the_contract_and_agrees_with_finite_differences(rng):
    operator = FourierPtychography(random_fields(rng, (4, 5), (9, 12)))
    x, direction = (torch.randn(2, 1, 9, 12, dtype=torch.complex128, generator=rng) for _ in range(2))
    jacobian = operator.linearize(x)
    y = torch.randn(2, 1, 5, 4, 5, dtype=torch.float64, generator=rng)
    left, right = (jacobian(direction) * y).sum(), (direction.conj() * jacobian.adjoint(y)).sum().real
    torch.testing.assert_close(left, right, rtol=1e-10, atol=0)
    step = 1e-5
    difference = (operator(x + step * direction) - operator(x - step * direction)) / (2 * step)
    torch.testing.assert_close(jacobian(direction), difference)


def test_a_plane_wave_through_a_grating_gives_the_two_orders_that_pass():
    # x = 1 + a exp(2 pi i m n / N) lit so that order 0 is at f = -k and order 1 at f = m - k of the pupil
    operator = microscope(SINES, (32, 32), upsampling=3, **LENS).double()
    m, a = 6, 0.3
    x = (1 + a * torch.exp(2j * math.pi * m * torch.arange(96) / 96))[None, None, None].expand(1, 1, 96, 96)
    image = operator(x.to(torch.complex128))[0, 0]
    fringes = 1 + a**2 + 2 * a * torch.cos(2 * math.pi * m * torch.arange(32) / 32)
    torch.testing.assert_close(image[0], fringes.double().expand(32, 32), atol=1e-6, rtol=0)
    assert image[3].abs().max() < 1e-12  # both orders miss the pupil


def test_defocus_moves_the_grating_as_the_angular_spectrum_does():
    defocus_um, m = 40.0, 4
    operator = microscope(torch.zeros(1, 2), (32, 32), upsampling=1, defocus_um=defocus_um, **LENS).double()
    n = torch.arange(32).double()
    f = m / (32 * LENS["pixel_size_nm"])
    phase = 2e3 * math.pi * defocus_um * (math.sqrt(LENS["wavelength_nm"] ** -2 - f**2) - 1 / LENS["wavelength_nm"])
    x = (1 + 0.2 * torch.cos(2 * math.pi * m * n / 32)).expand(1, 1, 32, 32).to(torch.complex128)
    expected = (1 + 0.2 * torch.cos(2 * math.pi * m * n / 32) * torch.exp(torch.tensor(1j * phase))).abs() ** 2
    torch.testing.assert_close(operator(x)[0, 0, 0], expected.expand(32, 32), atol=1e-6, rtol=0)


def test_directions_between_two_frequencies_are_exact(rng):
    # the camera's field is the wave behind the tilted object, filtered by the centred pupil, summed wave by wave
    size = 16
    sines = torch.tensor([[0.0101, -0.0173]])
    operator = microscope(sines, (size, size), upsampling=2, **LENS).double()
    spectrum = torch.zeros(1, 1, 2 * size, 2 * size, dtype=torch.complex128)
    spectrum[..., size - 2 : size + 3, size - 2 : size + 3] = torch.randn(
        1, 1, 5, 5, dtype=torch.complex128, generator=rng
    )
    x = torch.fft.ifft2(torch.fft.ifftshift(spectrum, (-2, -1)))
    y = operator(x)[0, 0, 0]
    n = torch.arange(size).double() * LENS["pixel_size_nm"]
    field = torch.zeros(size, size, dtype=torch.complex128)
    for i, j in torch.nonzero(spectrum[0, 0]).tolist():
        g = torch.tensor([i - size, j - size]) / (size * LENS["pixel_size_nm"])
        f = g - sines[0].double() / LENS["wavelength_nm"]
        if torch.linalg.vector_norm(f) <= LENS["na"] / LENS["wavelength_nm"]:
            wave = torch.exp(2j * math.pi * (f[0] * n[:, None] + f[1] * n[None, :]))
            field += spectrum[0, 0, i, j] / (2 * size) ** 2 * wave
    torch.testing.assert_close(y, field.abs() ** 2, atol=1e-5 * float(y.max()), rtol=0)


def test_the_bright_field_image_is_where_reconstruction_starts():
    operator = microscope(SINES, (32, 32), upsampling=3, **LENS)
    n = torch.arange(96)
    amplitude = 1 + 0.1 * torch.cos(2 * math.pi * n / 96)
    x = amplitude.expand(1, 1, 96, 96).to(torch.complex64)
    back = operator.backproject(operator(x))
    assert back.shape == x.shape
    assert (back - x).abs().max() < 0.01
    assert fft(back, 2)[..., 0, 0].abs().max() < 1e-4


def test_refraction_in_the_slide_follows_snell():
    distance, slide, index = 90.88, 1.0, 1.52
    sines = illumination(torch.tensor([[20.0, 0.0]]), distance_mm=distance, slide_mm=slide, slide_index=index)
    angle = torch.asin(sines[0, 0])
    inner = torch.asin(sines[0, 0] / index)
    assert float(distance * angle.tan() + slide * inner.tan()) == pytest.approx(20.0, abs=1e-9)
    bare = illumination(torch.tensor([[3.0, -4.0]]), distance_mm=12.0)
    torch.testing.assert_close(bare, torch.tensor([[3.0, -4.0]]).double() / 13)


def test_the_pupil_can_be_learned_and_the_batch_has_its_own(rng):
    operator = FourierPtychography(random_fields(rng, (4, 5), (9, 12)))
    operator.fields.pupil.requires_grad_()
    x = torch.randn(2, 1, 9, 12, dtype=torch.complex128, generator=rng)
    operator(x).sum().backward()
    assert operator.fields.pupil.grad.abs().sum() > 0
    torch.testing.assert_close(operator[1](x[1:]), operator(x)[1:])
    torch.testing.assert_close(operator.views(torch.tensor([3, 0]))(x), operator(x)[:, :, [3, 0]])


def test_geometry_that_does_not_fit_is_refused():
    with pytest.raises(InputError, match="make it 2 times as fine"):
        microscope(SINES, (64, 64), upsampling=1, **LENS)
    with pytest.raises(InputError, match="needs pixels of at most 3150 nm"):
        pupil((8, 8), na=0.1, wavelength_nm=630, pixel_size_nm=4000)
