"""How far two images of one object agree, detail by detail."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from pellucid.metrics.reference import as_pair

Array = NDArray[np.float64]


def fsc(a: ArrayLike | Tensor, b: ArrayLike | Tensor) -> tuple[Array, Array]:
    """Return the Fourier shell correlation of two images or volumes.

    FSC(f) = Re Σ A B* / sqrt(Σ |A|² Σ |B|²), summed over the spatial frequencies of length f.

    Parameters
    ----------
    a, b
        Of one shape; independent recordings of one object, or an image and the truth.

    Returns
    -------
    frequency, correlation
        In cycles a pixel, up to one half, in shells one frequency step of the longest side wide.

    References
    ----------
    Harauz, van Heel, "Exact filters for general geometry three dimensional reconstruction", Optik 73 (1986).
    """
    first, second = as_pair(a, b)
    spectrum_a, spectrum_b = np.fft.fftn(first - first.mean()), np.fft.fftn(second - second.mean())
    axes = np.meshgrid(*(np.fft.fftfreq(n) for n in first.shape), indexing="ij")
    longest = max(first.shape)
    shell = np.rint(np.sqrt(sum(axis**2 for axis in axes)) * longest).astype(int).ravel()
    shells = longest // 2 + 1

    def total(values: Array) -> Array:
        sums: Array = np.bincount(shell, values.ravel())[1:shells].astype(np.float64)
        return sums

    power = total(np.abs(spectrum_a) ** 2) * total(np.abs(spectrum_b) ** 2)
    cross = total((spectrum_a * spectrum_b.conj()).real)
    frequency = np.arange(1, shells) / longest
    return frequency, np.divide(cross, np.sqrt(power), out=np.zeros_like(cross), where=power > 0)


def frc(a: ArrayLike | Tensor, b: ArrayLike | Tensor) -> tuple[Array, Array]:
    """Return the Fourier ring correlation of two images: `fsc` after a Hann window.

    The window keeps the borders, which do not fit together, from agreeing at every frequency.

    References
    ----------
    Nieuwenhuizen et al., "Measuring image resolution in optical nanoscopy", Nature Methods 10 (2013).
    """
    first, second = as_pair(a, b)
    window = np.ones(())
    for n in first.shape:
        window = np.multiply.outer(window, np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2)
    return fsc((first - first.mean()) * window, (second - second.mean()) * window)


def resolution(frequency: Array, correlation: Array, threshold: float = 1 / 7) -> float:
    """Return the smallest agreed detail in pixels: one over the frequency where the curve first falls below.

    Two, the limit of the sampling, where it never does.
    """
    below = correlation < threshold
    return float(1 / frequency[np.argmax(below)]) if below.any() else 2.0
