import copy

import numpy as np
import pytest
import torch
from scipy import ndimage, signal

from pellucid.errors import InputError
from pellucid.operators import Blur, LearnableBlur
from pellucid.testing import assert_adjoint

SMALL, LARGE = [(3, 3), (2, 4), (2, 2, 2)], [(8, 9), (4, 5, 3)]  # summed directly; multiplied in Fourier space
SPACE = {2: (12, 15), 3: (7, 6, 9)}


def psf_of(shape, rng, batch=1, channel=1):
    return torch.rand((batch, channel, *shape), generator=rng, dtype=torch.float64)


@pytest.mark.parametrize("boundary", ["circular", "reflect", "valid"])
@pytest.mark.parametrize("taps", SMALL + LARGE, ids=str)
def test_a_blur_keeps_the_contract(taps, boundary, rng):
    space = SPACE[len(taps)]
    assert_adjoint(Blur(psf_of(taps, rng), boundary), (2, 2, *space), rng)
    assert_adjoint(Blur(psf_of(taps, rng, 2, 3), boundary), (2, 3, *space), rng, dtype=torch.float64)


@pytest.mark.parametrize("taps", [(5,), (2, 4), (8, 9), (2, 2, 2), (4, 5, 3)], ids=str)
def test_every_boundary_is_what_scipy_computes(taps, rng):
    x = torch.randn(SPACE.get(len(taps), (80,)), generator=rng, dtype=torch.float64)
    psf = psf_of(taps, rng)
    kernel, a = psf[0, 0].numpy(), x.numpy()
    expected = {
        "valid": signal.convolve(a, kernel, "valid"),
        "circular": ndimage.convolve(a, kernel, mode="wrap"),
        "reflect": ndimage.convolve(a, kernel, mode="mirror"),
    }
    for boundary, y in expected.items():
        np.testing.assert_allclose(Blur(psf, boundary)(x[None, None])[0, 0].numpy(), y, atol=1e-12, err_msg=boundary)


def test_a_point_becomes_the_psf_with_its_centre_there(rng):
    for taps in ((8, 9), (2, 4)):
        psf = psf_of(taps, rng)
        point = torch.zeros(1, 1, 20, 20, dtype=torch.float64)
        point[..., 10, 10] = 1
        y = Blur(psf)(point)[0, 0]
        row, column = (10 - k // 2 for k in taps)
        torch.testing.assert_close(y[row : row + taps[0], column : column + taps[1]], psf[0, 0])


def test_the_otf_is_that_of_the_periodic_image(rng):
    psf, x = psf_of((8, 8), rng), torch.randn(1, 1, 15, 16, generator=rng, dtype=torch.complex128)
    blur = Blur(psf)
    torch.testing.assert_close(torch.fft.ifft2(blur.otf((15, 16), x.dtype) * torch.fft.fft2(x)), blur(x))


def test_the_otf_is_kept_until_the_psf_changes_and_is_no_state(rng):
    blur = Blur(psf_of((8, 8), rng))
    first = blur.otf((16, 16))
    assert blur.otf((16, 16)) is first
    with torch.no_grad():
        blur.psf.mul_(2)
    torch.testing.assert_close(blur.otf((16, 16)), 2 * first)
    assert list(blur.state_dict()) == ["psf"]
    assert copy.deepcopy(blur).to(torch.float32).psf.dtype == torch.float32


def test_tiles_of_a_valid_blur_are_parts_of_the_whole(rng):
    blur, x = Blur(psf_of((8, 9), rng), "valid"), torch.randn(1, 1, 30, 30, generator=rng, dtype=torch.float64)
    part = blur.crop((slice(4, 24), slice(3, 30)))(x[..., 4:24, 3:30])
    torch.testing.assert_close(part, blur(x)[..., 4:17, 3:22])
    with pytest.raises(InputError, match="circular edges cannot be cut"):
        Blur(blur.psf).crop((slice(4, 24), slice(3, 30)))


def test_a_psf_is_learned_and_stays_one(rng):
    true = psf_of((8, 7), rng)
    true = true / true.sum()
    x = torch.randn(1, 1, 40, 40, generator=rng, dtype=torch.float64)
    y = Blur(true)(x)
    blur = LearnableBlur(torch.full_like(true, 1 / 56))
    optimiser = torch.optim.Adam(blur.parameters(), lr=0.1)
    for _ in range(200):
        optimiser.zero_grad()
        (blur(x) - y).square().sum().backward()
        optimiser.step()
    torch.testing.assert_close(blur.kernel, true, atol=1e-3, rtol=0)
    assert blur.kernel.sum().item() == pytest.approx(1)
    assert list(blur.state_dict()) == ["logits"]
    assert_adjoint(blur, (2, 1, 12, 11), rng, dtype=torch.float64)


def test_what_does_not_fit_is_told():
    with pytest.raises(InputError, match=r"PSF \(9, 9\) does not fit an image \(8, 12\)"):
        Blur(torch.ones(1, 1, 9, 9))(torch.ones(1, 1, 8, 12))
    with pytest.raises(InputError, match=r"PSF \(3, 3\) does not fit an image \(8, 8, 8\)"):
        Blur(torch.ones(1, 1, 3, 3))(torch.ones(1, 1, 8, 8, 8))
    with pytest.raises(InputError, match=r"torch.float32 of shape \(9, 9\)"):
        Blur(torch.ones(9, 9))
    with pytest.raises(InputError, match="starts from positive numbers"):
        LearnableBlur(torch.eye(3)[None, None])


def test_a_psf_reaches_as_far_as_all_but_a_hundredth_of_its_light():
    psf = torch.zeros(1, 1, 5, 8)
    psf[0, 0, 2, 4], psf[0, 0, 2, 7], psf[0, 0, 0, 4] = 0.97, 0.02, 0.01
    assert Blur(psf).reach == (0, 3)
    assert Blur(psf[:, :, 2] / 0.99).reach == (3,)


@pytest.mark.parametrize(
    ("taps", "moved"), [((0.25, 0.5, 0.25), 0.0), ((0.0, 0.25, 0.5, 0.25), 0.0), ((0.5, 0.5, 0), 0.5)]
)
def test_light_that_a_mirror_image_of_the_psf_has_elsewhere(taps, moved):
    assert Blur(torch.tensor([[taps]])).asymmetry([0]) == pytest.approx(moved)
