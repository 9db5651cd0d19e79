"""Images of particles in one common form: fewer pixels, background at zero, white noise of variance one."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid._math.fft import fft, ifft


def fourier_cropped(images: Tensor, size: int) -> Tensor:
    """Return images of fewer pixels and the same width: their lowest frequencies, nothing aliased.

    Parameters
    ----------
    images
        Real, shape (..., n, n); the centre is the pixel n // 2.
    size
        Of an edge afterwards, at most n; the centre is then size // 2, and the mean is kept.

    Examples
    --------
    >>> fourier_cropped(torch.full((1, 6, 6), 2.0), 4)[0, 0].tolist()
    [2.0, 2.0, 2.0, 2.0]
    """
    length = images.shape[-1]
    kept = slice(length // 2 - size // 2, length // 2 - size // 2 + size)
    return ifft(fft(images, 2)[..., kept, kept], 2).real * (size / length)


def outside(size: int, radius: float) -> Tensor:
    """Return which pixels of an image lie outside the circle about its centre, (size, size).

    Parameters
    ----------
    size
        Of the image.
    radius
        Of the circle, in half edges.
    """
    ramp = torch.arange(size) - size // 2
    return ramp[:, None].square() + ramp.square() > (radius * size / 2) ** 2


def levelled(images: Tensor, background: Tensor) -> tuple[Tensor, Tensor]:
    """Return images, each less the mean of its background and over its deviation there, and those deviations.

    Parameters
    ----------
    images
        Shape (particle, row, column).
    background
        Which pixels hold no particle, (row, column).
    """
    pixels = images[:, background]
    mean, deviation = pixels.mean(1), pixels.std(1)
    return (images - mean[:, None, None]) / deviation[:, None, None], deviation


def whitening(images: Tensor, background: Tensor) -> Tensor:
    r"""Return the filter that makes the noise of the background white, of variance one.

    .. math:: w(k) = P(|k|)^{-1/2}, \qquad P(|k|) = \langle |\mathcal F (m y)|^2 \rangle_{|k|} / \sum m

    m is one in the background and zero elsewhere; the mean is over all images and all directions.

    Parameters
    ----------
    images
        Levelled, shape (particle, size, size).
    background
        m, (size, size).

    Returns
    -------
    Tensor
        Shape (size, size // 2 + 1), laid out as by `torch.fft.rfft2`.

    Notes
    -----
    The window smooths P over a few frequencies, and takes power from the lowest two, which get the value of the third.
    No P is taken for less than one percent of its mean.
    """
    size = images.shape[-1]
    power = radial_power(images * background) * size**2 / background.sum()
    power[:2] = power[2]
    floor = 0.01 * power.mean()
    return power.clamp(min=floor).rsqrt()[_shells(size, images.device)]


def radial_power(images: Tensor) -> Tensor:
    """Return the mean of |F y|² / size² over images and directions, by the length of the frequency in whole steps.

    White noise of variance one has one everywhere.
    """
    size = images.shape[-1]
    shell = _shells(size, images.device).flatten()
    power = torch.fft.rfft2(images).abs().square().flatten(1).mean(0) / size**2
    return torch.zeros(int(shell.max()) + 1, device=images.device).index_add(0, shell, power) / torch.bincount(shell)


def _shells(size: int, device: torch.device) -> Tensor:
    """Return the length of each frequency of `rfft2` in whole steps, (size, size // 2 + 1)."""
    y = torch.fft.fftfreq(size, 1 / size, device=device)
    return torch.hypot(y[:, None], torch.arange(size // 2 + 1, dtype=y.dtype, device=device)).round().long()


def filtered(images: Tensor, transfer: Tensor) -> Tensor:
    """Return images, (..., size, size), times a filter in Fourier space, (size, size // 2 + 1)."""
    found: Tensor = torch.fft.irfft2(torch.fft.rfft2(images) * transfer, s=images.shape[-2:])
    return found
