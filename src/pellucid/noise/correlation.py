"""How far the noise of an image reaches from pixel to pixel, read from the image itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float64]

CORRELATED = 0.35  # of neighbours; see `Autocorrelation`
_RADIUS = 3  # pixels: lags that the noise may reach
_SMOOTHING = 2.0  # pixels: width of what the high-pass filter removes
_RING = (8, 24)  # pixels: inner and outer width of the neighbourhood that judges texture
_FLATTEST = 0.1  # of the pixels


@dataclass(frozen=True, kw_only=True)
class Autocorrelation:
    """The correlation of the noise with itself, shifted by a few pixels.

    Parameters
    ----------
    map
        Correlation coefficient by shift (row, column), shape (7, 7), one in the centre.
    lag1_y, lag1_x
        The same for neighbours along a column and along a row.
    total
        Variance of the noise, over the variance that was expected.

    Notes
    -----
    Structure that is left in the flattest parts of an image looks like correlation, so small values prove nothing.
    `CORRELATED` lies between what was seen in 36 images whose true correlation is known from 50 repeats: confocal and
    two-photon, true 0.00 to 0.13, seen up to 0.20; wide-field, true 0.57 to 0.64, seen from 0.49 on.
    """

    map: Array
    lag1_y: float
    lag1_x: float
    total: float

    @property
    def correlated(self) -> bool:
        """Whether the noise must be taken for correlated between neighbours."""
        return max(self.lag1_y, self.lag1_x) > CORRELATED


def autocorrelation(images: Array, variance_at: Callable[[Array], Array]) -> Autocorrelation:
    """Estimate the autocorrelation of the noise in the flattest parts of an image.

    The image is high-passed, h = (1 - g) * y with a Gaussian g of 2 pixels, and scaled to unit noise. A pixel
    is flat where h is small in the frame, 8 to 24 pixels wide, around it: structure is continuous but noise
    is not, so the choice does not favour small noise at the pixel itself. The covariance of h at the flat
    pixels is the covariance of the noise, convolved with the autocorrelation of the filter; the noise is
    found from it by least squares, taken to end at 3 pixels. White noise gives zero.

    Parameters
    ----------
    images
        Shape (..., row, column).
    variance_at
        Expected variance of the noise by intensity.
    """
    stack = np.asarray(images, dtype=np.float64).reshape(-1, *images.shape[-2:])
    smooth = (0, _SMOOTHING, _SMOOTHING)
    background = ndimage.gaussian_filter(stack, smooth)
    h = (stack - background) / np.sqrt(variance_at(ndimage.gaussian_filter(background, smooth)))
    seen = _covariance(h, _flat(h), _RADIUS + 1)
    noise = _undo(seen)
    centre = noise[_RADIUS, _RADIUS]
    correlation = noise / centre
    return Autocorrelation(
        map=correlation,
        lag1_y=float(correlation[_RADIUS + 1, _RADIUS]),
        lag1_x=float(correlation[_RADIUS, _RADIUS + 1]),
        total=float(centre),
    )


def _flat(h: Array) -> tuple[NDArray[np.intp], ...]:
    """Return the indices of the pixels with the quietest surroundings."""
    inner, outer = _RING
    near, far = (ndimage.uniform_filter(h**2, (0, width, width)) * width**2 for width in (inner, outer))
    margin = min(outer // 2, (min(h.shape[1:]) - 8) // 2)
    ring = np.full(h.shape, np.inf)
    inside = np.s_[:, margin:-margin, margin:-margin]
    ring[inside] = (far - near)[inside]
    chosen = ring <= np.quantile(ring[inside], max(_FLATTEST, min(1.0, 2000 / ring[inside].size)))
    return np.nonzero(chosen)


def _half_plane(radius: int) -> list[tuple[int, int]]:
    """Return one of each pair of opposite shifts; no shift comes first."""
    span = range(-radius, radius + 1)
    return [(0, 0), *((dy, dx) for dy in span for dx in span if (dy, dx) > (0, 0))]


def _covariance(h: Array, at: tuple[NDArray[np.intp], ...], radius: int) -> Array:
    """Return the mean product of h with itself by shift, over the chosen pixels."""
    image, row, column = at
    return np.array([(h[at] * h[image, row + dy, column + dx]).mean() for dy, dx in _half_plane(radius)])


def _undo(seen: Array) -> Array:
    """Return the covariance of the noise, (2 radius + 1) a side, given that of the high-passed noise."""
    size = 64
    impulse = np.zeros((size, size))
    impulse[0, 0] = 1
    filtered = impulse - ndimage.gaussian_filter(impulse, _SMOOTHING, mode="wrap")
    own = np.fft.ifft2(np.abs(np.fft.fft2(filtered)) ** 2).real
    wanted, measured = np.array(_half_plane(_RADIUS)), np.array(_half_plane(_RADIUS + 1))
    apart, together = measured[:, None] - wanted, measured[:, None] + wanted
    response = own[apart[..., 0], apart[..., 1]] + own[together[..., 0], together[..., 1]]
    response[:, 0] /= 2
    half = np.linalg.lstsq(response, seen, rcond=None)[0]
    noise = np.zeros((2 * _RADIUS + 1, 2 * _RADIUS + 1))
    for sign in (1, -1):
        noise[tuple((_RADIUS + sign * wanted).T)] = half
    return noise
