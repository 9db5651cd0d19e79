"""Stripes: noise that whole rows share, read from the image itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float64]

_SMOOTHING = 2.0  # pixels: width of what the high-pass filter removes, across the lines
_BLOCK = 32  # pixels along a line
_CERTAIN = 4.0  # standard errors from which stripes are named
_LEAST = 0.1  # of the noise: fainter stripes are not told from rows of the scene


def stripes(h: Array) -> float:
    """Return the standard deviation of what whole rows have in common, in units of h; zero where it is not certain.

    A row i of noise with stripes is r_i + n_ij. The means of h over two halves of a row, a_i and b_i, share r_i only,
    so var r = cov(a, b) = (var(a + b) - var(a - b)) / 4, with variances taken from medians over the rows: a few
    long edges in the scene do not count (Gnanadesikan and Kettenring 1972). The halves are interleaved blocks of the
    row, and the rows are high-passed, which keeps a known part of independent r_i.

    Parameters
    ----------
    h
        Images divided by the standard deviation of their noise, shape (image, row, column).

    Notes
    -----
    What is common to blocks 32 pixels apart in the scene, such as straight horizontal edges in most rows, is seen too.

    References
    ----------
    Gnanadesikan, Kettenring, "Robust estimates, residuals, and outlier detection with multiresponse data",
    Biometrics 28, 1972.
    """
    width = min(_BLOCK, h.shape[-1] // 2)
    count = h.shape[-1] // width // 2 * 2
    means = h[..., : count * width].reshape(*h.shape[:-1], count, width).mean(-1)
    high = means - ndimage.gaussian_filter1d(means, _SMOOTHING, axis=-2)
    impulse = np.eye(1, 33, 16)[0]
    kept = ((impulse - ndimage.gaussian_filter1d(impulse, _SMOOTHING)) ** 2).sum()
    a, b = high[..., 0::2].mean(-1).ravel(), high[..., 1::2].mean(-1).ravel()
    both, apart = _robust_variance(a + b), _robust_variance(a - b)
    variance = (both - apart) / (4 * kept)
    error = np.hypot(both, apart) / (4 * kept) * np.sqrt(5.4 / a.size)  # a squared median deviation has 5.4 / n
    return float(np.sqrt(variance)) if variance > max(_CERTAIN * error, _LEAST**2) else 0.0


def _robust_variance(values: Array) -> float:
    """Return the variance of most values, by their median distance from the median."""
    return float((1.4826 * np.median(np.abs(values - np.median(values)))) ** 2)
