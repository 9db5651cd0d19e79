"""Where a restored image holds detail that the recorded one does not bear out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pellucid.metrics import whiteness
from pellucid.noise import Autocorrelation, PhotonTransfer

Array = NDArray[np.float64]

BANDS = ((1.0, 2.0), (2.0, 4.0))  # pixels: detail between two Gaussian widths
SURE = 5.0  # standard deviations that the energy must exceed to count
_WINDOW = 4.0  # times the finer width: width of the Gaussian that gathers energy


def unsupported(noisy: Array, restored: Array, *, transfer: PhotonTransfer, correlation: Autocorrelation) -> Array:
    """Return at least how much detail was added at each place, in standard deviations of the noise of such detail.

    Let ψ pass the detail of one band, and w be a Gaussian window round a place. The energy of the restored detail that
    the recording does not repeat is

        T = Σ w ψx_hat (ψx_hat − ψy).

    Detail that is in the object gives T = −Σ w ψx_hat ψn, of mean zero and variance S² = Σ s² (ψ(w ψx_hat))²,
    whatever its strength. Detail that is not there, or not there any more because it was shifted, gives T up to its
    energy Σ w (ψx_hat)². Detail that was weakened, and noise that was left in the image, make T smaller. The map is
    sqrt(max(T − 5 S, 0)) over the noise in the band, in the band where that is largest.

    Parameters
    ----------
    noisy, restored
        Shape (plane, row, column), in recorded units.
    transfer, correlation
        The noise of the recorded image.

    Returns
    -------
    Array
        Of the shape of the images; zero where the recording bears out what is shown.

    Notes
    -----
    S is for an image that was fixed beforehand. Restored from this very noise, the detail repeats some of it, which
    makes T smaller: what is found is an understatement. Detail finer than a pixel's width is left out: the mean of a
    pixel's neighbours holds, rightly, the opposite of its own noise. What the noise hides is not found: see
    `detectable`.
    """
    variance = noise_of(noisy, restored, transfer)
    most = np.zeros_like(restored)
    for fine, coarse in BANDS:
        detail, residual = (_band(image, fine, coarse) for image in (restored, noisy - restored))
        again, window = _band(detail, fine, coarse), _WINDOW * fine
        energy = _blur(again**2 / variance, window / np.sqrt(2)) / (4 * np.pi * window**2)
        scatter = np.sqrt(energy * _colour(again, correlation))
        power = _power(correlation.map, fine, coarse)
        most = np.maximum(most, (-_blur(detail * residual / variance, window) - SURE * scatter) / power)
    return np.sqrt(most)


def noise_of(noisy: Array, restored: Array, transfer: PhotonTransfer) -> Array:
    """Return the variance of the noise at each place of a restored image, (plane, row, column).

    Where the image is darker than any part of the recording, it is that of the recording's own mean nearby: the image's
    variance would vanish below darkness, and a small fault there would seem to be an endless one.
    """
    around, image = _blur(noisy, _WINDOW), ndimage.uniform_filter(restored, (0, 5, 5))
    own = ndimage.uniform_filter(transfer.variance_at(restored), (0, 5, 5))
    return np.where(image < around.min(), transfer.variance_at(around), own)


def _blur(image: Array, width: float) -> Array:
    blurred: Array = ndimage.gaussian_filter(image, (0.0, width, width))
    return blurred


def _band(image: Array, fine: float, coarse: float) -> Array:
    return _blur(image, fine) - _blur(image, coarse)


def _power(correlation: Array, fine: float, coarse: float) -> float:
    """Return the part of the noise's variance that lies in a band, at least that of white noise.

    ψ = g_a − g_b has the autocorrelation g_√2a − 2 g_√(a²+b²) + g_√2b.
    """
    radius = correlation.shape[0] // 2
    squared = np.add.outer(np.arange(-radius, radius + 1) ** 2, np.arange(-radius, radius + 1) ** 2)
    own = sum(
        times * np.exp(-squared / (2 * spread)) / (2 * np.pi * spread)
        for times, spread in ((1, 2 * fine**2), (-2, fine**2 + coarse**2), (1, 2 * coarse**2))
    )
    return max(float(np.sum(correlation * own)), float(own[radius, radius]))


def _colour(detail: Array, correlation: Autocorrelation) -> float:
    """Return how much stronger noise is where this detail is than white noise of its variance: Σ ρ(k) a(k).

    Here a is the autocorrelation of the detail; in Fourier space this is the power of the noise, averaged over the
    spectrum of the detail.
    """
    if not correlation.correlated:
        return 1.0
    own = whiteness(detail, correlation.map.shape[0] // 2).map
    return max(float(np.sum(correlation.map * own)), 1.0)
