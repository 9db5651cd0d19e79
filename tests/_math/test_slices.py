import pytest
import torch

from pellucid._math.rotations import uniform_rotations
from pellucid._math.slices import disc, put_slices, read_slices, spectrum, spectrum_adjoint


@pytest.mark.parametrize("size", [6, 7])
def test_the_disc_is_what_lies_below_nyquist(size):
    k, inside = disc(size, torch.ones((), dtype=torch.float64))
    y = torch.fft.fftfreq(size)[:, None].expand(size, size // 2 + 1).flatten()[inside]
    x = torch.fft.rfftfreq(size).expand(size, -1).flatten()[inside]
    torch.testing.assert_close(torch.stack((y, x), 1).double(), k / size)
    assert len(k) == int((torch.hypot(torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)) < 0.5).sum())


@pytest.mark.parametrize("size", [4, 5])
def test_the_spectrum_is_the_padded_transform_about_the_centre(size, rng):
    x = torch.randn(2, size, size, size, dtype=torch.float64, generator=rng)
    padded = torch.zeros(2, 10, 10, 10, dtype=torch.float64)
    low = 5 - size // 2
    padded[:, low : low + size, low : low + size, low : low + size] = x
    expected = torch.fft.rfftn(torch.fft.ifftshift(padded, (1, 2, 3)), dim=(1, 2, 3))
    torch.testing.assert_close(spectrum(x, 10), expected)


@pytest.mark.parametrize("size", [4, 5])
def test_the_adjoint_of_the_spectrum_is_its_transpose(size, rng):
    x = torch.randn(2, size, size, size, dtype=torch.float64, generator=rng)
    y = torch.randn(2, 10, 10, 6, dtype=torch.complex128, generator=rng)
    left, right = (spectrum(x, 10).conj() * y).real.sum(), (x * spectrum_adjoint(y, size)).sum()
    torch.testing.assert_close(left, right)


def test_slices_along_the_axes_are_the_planes_of_the_spectrum(rng):
    x = torch.randn(1, 8, 8, 8, dtype=torch.float64, generator=rng)
    whole = torch.fft.fftn(spectrum_to_volume(x), dim=(1, 2, 3))[0]
    k, _ = disc(8, x)
    front = torch.eye(3, dtype=torch.float64)
    side = front[[2, 1, 0]] * torch.tensor([1.0, 1.0, -1.0])[:, None]  # the image's x runs along -z
    read = read_slices(spectrum(x, 8), torch.stack((front, side))[None], k)[0]
    y, x = k.long().unbind(1)
    torch.testing.assert_close(read[0], whole[0, y, x])
    torch.testing.assert_close(read[1], whole[-x, y, 0])


def spectrum_to_volume(x):
    return torch.fft.ifftshift(x, (1, 2, 3))


@pytest.mark.parametrize("volumes", [1, 2])
def test_putting_slices_is_the_transpose_of_reading_them(volumes, rng):
    rotations = uniform_rotations(6, rng, torch.float64).reshape(2, 3, 3, 3)
    k, _ = disc(6, rotations)
    spectra = torch.randn(volumes, 8, 8, 5, dtype=torch.complex128, generator=rng)
    read = read_slices(spectra, rotations, k)
    values = torch.randn(read.shape, dtype=read.dtype, generator=rng)
    put = (
        put_slices(values, rotations, k, 8).sum(0, keepdim=True)
        if volumes == 1
        else put_slices(values, rotations, k, 8)
    )
    torch.testing.assert_close((read.conj() * values).real.sum(), (spectra.conj() * put).real.sum())


def test_slices_can_be_differentiated_in_the_rotations(rng):
    rotations = uniform_rotations(2, rng, torch.float64).reshape(1, 2, 3, 3).requires_grad_()
    k, _ = disc(4, rotations)
    x = torch.randn(1, 4, 4, 4, dtype=torch.float64, generator=rng, requires_grad=True)
    values = torch.randn(1, 2, len(k), dtype=torch.complex128, generator=rng, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, r: read_slices(spectrum(x, 8), r, 2 * k), (x, rotations))
    assert torch.autograd.gradcheck(lambda v, r: put_slices(v, r, 2 * k, 8), (values, rotations))
