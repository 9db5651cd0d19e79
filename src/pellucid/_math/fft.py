"""The centred, orthonormal Fourier transform."""

from __future__ import annotations

import torch
from scipy.fft import next_fast_len
from torch import Tensor


def fft(x: Tensor, dims: int) -> Tensor:
    """Return the centred, orthonormal Fourier transform of x over its last `dims` axes.

    Zero position and zero frequency lie at index n // 2 of every axis of length n.

    Examples
    --------
    >>> fft(torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0, 0.0]), 1).abs().sum().item()
    2.44...
    """
    axes = tuple(range(-dims, 0))
    y: Tensor = torch.fft.fftshift(torch.fft.fftn(torch.fft.ifftshift(x, axes), dim=axes, norm="ortho"), axes)
    return y


def ifft(y: Tensor, dims: int) -> Tensor:
    """Return the inverse of `fft`, which is also its adjoint."""
    axes = tuple(range(-dims, 0))
    x: Tensor = torch.fft.fftshift(torch.fft.ifftn(torch.fft.ifftshift(y, axes), dim=axes, norm="ortho"), axes)
    return x


def good_size(length: int) -> int:
    """Return the smallest even length, at least `length`, at which transforms are fast.

    Examples
    --------
    >>> good_size(251), good_size(262)
    (252, 264)
    """
    found = length + length % 2
    while next_fast_len(found) != found or found % 2:
        found += 1
    return found
