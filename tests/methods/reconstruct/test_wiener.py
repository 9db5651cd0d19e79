import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.operators import Sampling


def test_it_is_the_quotient_in_fourier_space(blurred, built):
    data = blurred(gain=3.0)
    impulse = torch.zeros(1, 1, 32, 32, dtype=torch.float64)
    impulse[..., 0, 0] = 1
    otf = torch.fft.fft2(data.operator(impulse))
    f = torch.fft.fftfreq(32, dtype=torch.float64)
    rise = (2 * torch.sin(torch.pi * f)) ** 2
    gain = otf.conj() / (otf.abs() ** 2 + 0.05 * 9 * (rise[:, None] + rise))
    expected = torch.fft.ifft2(gain * torch.fft.fft2(data.y)).real
    image = built("wiener", data, strength=0.05).restorer(data)
    assert torch.allclose(image, expected, rtol=1e-3, atol=1e-3)
    assert torch.allclose(image.mean((2, 3)), data.y.mean((2, 3)) / 3)


def test_what_is_not_the_same_everywhere_is_refused(truth, built, rng):
    keep = torch.rand(1, 1, 32, 32, generator=rng, dtype=torch.float64)
    with pytest.raises(InputError, match="the same everywhere; Sampling is not: use --method cg"):
        built("wiener", Measurement(y=truth, operator=Sampling(keep)))
