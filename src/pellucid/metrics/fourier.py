"""How far two images of one object agree, detail by detail."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from pellucid.metrics.reference import as_array, as_pair

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


def frc_split(y: ArrayLike | Tensor, variance: ArrayLike | Tensor, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the Fourier ring correlation of a single recording, from two halves of its own noise.

    With independent e of mean zero and variance one, y + s e and y − s e are two images of the same object: their
    noises n + s e and n − s e have the covariance E n² − s² = 0. Each has twice the variance, as at half the dose, so
    that the correlation q of the two is brought to the full dose by 2 q / (1 + q).

    Parameters
    ----------
    y
        A recording as it came, shape (row, column): its noise independent from pixel to pixel.
    variance
        Of the noise, s², of the same shape or one number. For Poisson-Gaussian noise: its line at y itself, since
        E [gain (y − offset) + σ² | x] is the variance.
    rng
        Draws e.

    Notes
    -----
    The curve is wrong for anything that was filtered or restored: s² is then not the variance of what is left of the
    noise, and the two halves share whatever the filter made. An error of s² by one part in twenty moves the curve by
    up to one twentieth where there is no signal, below 1/7. Pixels keep their size; a split into every second pixel
    would halve it, and alias.

    References
    ----------
    Rieger, Droste, Gerritsma, ten Brink, Stallinga, "Single image Fourier ring correlation", Optics Express 32 (2024):
    the same with a binomial split of photon counts.
    Oliveira, Lei, Tibshirani, "Unbiased risk estimation in the normal means problem via coupled bootstrap techniques",
    2021: the split of Gaussian noise.
    """
    image = as_array(y)
    added = np.sqrt(np.maximum(as_array(variance), 0.0)) * rng.standard_normal(image.shape)
    frequency, half = frc(image + added, image - added)
    return frequency, 2 * half / (1 + np.abs(half))


def resolution(frequency: Array, correlation: Array, threshold: float = 1 / 7) -> float:
    """Return the smallest agreed detail in pixels: one over the frequency where the curve first falls below.

    Two, the limit of the sampling, where it never does.
    """
    below = correlation < threshold
    return float(1 / frequency[np.argmax(below)]) if below.any() else 2.0
