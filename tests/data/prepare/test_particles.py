import math

import pytest
import torch

from pellucid.data.prepare.particles import filtered, fourier_cropped, levelled, outside, radial_power, whitening


@pytest.mark.parametrize(("length", "size"), [(24, 12), (24, 13), (25, 12), (25, 13)])
def test_cropping_keeps_a_smooth_image_where_it_is(length, size):
    """A wide Gaussian, off its centre, becomes the same Gaussian on a coarser grid."""

    def gaussian(n):
        at = (torch.arange(n) - n // 2) / n
        return torch.exp(-((at[:, None] - 0.1) ** 2 + (at + 0.05) ** 2) / 0.015)

    torch.testing.assert_close(fourier_cropped(gaussian(length)[None], size)[0], gaussian(size), atol=2e-3, rtol=0)


def test_cropping_keeps_what_the_frequencies_that_stay_make(rng):
    """Cropping twice is cropping once, and a cropped image has the power of its low frequencies."""
    images = torch.randn(3, 24, 24, generator=rng)
    torch.testing.assert_close(fourier_cropped(fourier_cropped(images, 17), 11), fourier_cropped(images, 11))
    torch.testing.assert_close(fourier_cropped(images, 12).mean((1, 2)), images.mean((1, 2)))
    torch.testing.assert_close(fourier_cropped(images, 24), images)


def test_the_circle_leaves_the_corners():
    assert float(outside(64, 0.85).float().mean()) == pytest.approx(1 - math.pi * 0.85**2 / 4, abs=0.01)
    assert not outside(8, 0.5)[4, 4]


def test_levelled_images_have_an_empty_background(rng):
    background = outside(16, 0.8)
    images = 5 + 3 * torch.randn(4, 16, 16, generator=rng)
    found, deviation = levelled(images, background)
    torch.testing.assert_close(found[:, background].mean(1), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(found[:, background].std(1), torch.ones(4))
    assert ((deviation - 3).abs() < 1).all()


def test_coloured_noise_becomes_white(rng):
    size = 32
    frequency = torch.hypot(torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size))
    noise = filtered(torch.randn(400, size, size, generator=rng), torch.exp(-2 * frequency))
    background = outside(size, 0.8)
    levelled_noise, _ = levelled(noise, background)
    white = filtered(levelled_noise, whitening(levelled_noise, background))
    power = torch.fft.rfft2(white).abs().square().mean(0) / size**2
    middle = (frequency > 2.5 / size) & (frequency < 0.5)
    assert power[middle].sub(1).abs().mean() < 0.08
    assert abs(float(white.var()) - 1) < 0.05


def test_the_power_of_white_noise_is_its_variance_and_that_of_a_wave_is_in_its_shell(rng):
    noise = 2 * torch.randn(300, 16, 16, generator=rng)
    torch.testing.assert_close(radial_power(noise), torch.full((12,), 4.0), rtol=0.2, atol=0)
    wave = torch.cos(2 * torch.pi * 3 * torch.arange(16) / 16).expand(1, 16, 16)
    assert radial_power(wave).argmax() == 3
