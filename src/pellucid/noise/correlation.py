"""How far the noise of an image reaches from pixel to pixel, read from the image itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pellucid.noise.stripes import stripes

Array = NDArray[np.float64]

CORRELATED = 0.35  # of neighbours; see `Autocorrelation`
LEAST = 0.15  # of pixels further away, where neighbours are correlated
_RADIUS = 3  # pixels: lags that the noise may reach
_REACH = 16  # pixels: lags along rows and columns
_SMOOTHING = 2.0  # pixels: width of what the high-pass filter removes
_RING = (8, 24)  # pixels: inner and outer width of the neighbourhood that judges texture
_WIDER = 3  # times as wide: filter and neighbourhood that see the variance of noise with a long reach
_FLATTEST = 0.1  # of the pixels
_BLANK = 0.02  # of the expected variance, below which an area is padding and not dark


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
    along_y, along_x
        Correlation by distance along a column and along a row, from 0 to 16 pixels, where only the other axis is
        high-passed: noise that runs far along a line is seen to its end.
    stripes_y, stripes_x
        Standard deviation of what whole columns and whole rows share, over that of the noise; zero if not certain.

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
    along_y: Array = field(default_factory=lambda: np.eye(1, _REACH + 1)[0])
    along_x: Array = field(default_factory=lambda: np.eye(1, _REACH + 1)[0])
    stripes_y: float = 0.0
    stripes_x: float = 0.0

    @property
    def correlated(self) -> bool:
        """Whether the noise must be taken for correlated between neighbours."""
        return max(self.lag1_y, self.lag1_x) > CORRELATED

    def mask(self) -> NDArray[np.bool_]:
        """Return the shifts at which the noise is correlated: odd sizes, symmetric, no shift in the centre.

        A single pixel where neighbours are not correlated. Otherwise shifts up to 3 pixels of a correlation above
        0.15; and those along an axis up to where it first falls below, if it is above for neighbours on the map.
        """
        if not self.correlated:
            return np.ones((1, 1), dtype=bool)
        lines = ((self.lag1_y, self.along_y), (self.lag1_x, self.along_x))
        reach_y, reach_x = (int(np.argmax(np.append(a, 0.0) < LEAST)) - 1 if lag > LEAST else 0 for lag, a in lines)
        near = np.argwhere(self.map > LEAST) - _RADIUS
        rows, columns = np.maximum(np.abs(near).max(0), (reach_y, reach_x))
        seen = np.zeros((2 * rows + 1, 2 * columns + 1), dtype=bool)
        seen[near[:, 0] + rows, near[:, 1] + columns] = True
        seen[rows - reach_y : rows + reach_y + 1, columns] = True
        seen[rows, columns - reach_x : columns + reach_x + 1] = True
        return seen | seen[::-1, ::-1]

    def __str__(self) -> str:
        rows, columns = self.mask().shape
        words = [f"correlated over {rows} x {columns} pixels" if self.correlated else "independent from pixel to pixel"]
        for name, size in (("horizontal", self.stripes_x), ("vertical", self.stripes_y)):
            words += [f"{name} stripes of {size:.2f} sigma"] if size else []
        return ", ".join(words)


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

    Notes
    -----
    The correlation along a row is the covariance, at the same pixels, of the image high-passed across rows only; so it
    is exact for noise that runs along rows, and nearly so for noise of a short reach in all directions.

    Noise that is correlated often has a faint but long tail, which the filter takes for structure. So there `total` is
    at least the variance of h, at the flattest pixels, with all widths three times as large; from 289 pixels a side
    on, since a smaller image may have no place that is flat so far.
    """
    stack = np.asarray(images, dtype=np.float64).reshape(-1, *images.shape[-2:])
    h, sigma = _high_passed(stack, variance_at, _SMOOTHING)
    flat = _flat(h, _RING)
    noise = _undo(_covariance(h, flat, _half_plane(_RADIUS + 1)))
    centre = total = noise[_RADIUS, _RADIUS]
    correlation = noise / centre
    neighbours = correlation[_RADIUS + 1, _RADIUS], correlation[_RADIUS, _RADIUS + 1]
    if max(neighbours) > CORRELATED and min(h.shape[1:]) > 4 * _WIDER * _RING[1]:
        wide, _ = _high_passed(stack, variance_at, _WIDER * _SMOOTHING)
        total = max(centre, (wide[_flat(wide, (_WIDER * _RING[0], _WIDER * _RING[1]))] ** 2).mean())
    unit = sigma * max(total, 1e-12) ** 0.5
    return Autocorrelation(
        map=correlation,
        lag1_y=float(neighbours[0]),
        lag1_x=float(neighbours[1]),
        total=float(total),
        along_y=_along(stack, sigma, flat, 1),
        along_x=_along(stack, sigma, flat, 2),
        stripes_y=stripes((stack / unit).swapaxes(1, 2)),
        stripes_x=stripes(stack / unit),
    )


def _high_passed(stack: Array, variance_at: Callable[[Array], Array], smoothing: float) -> tuple[Array, Array]:
    """Return images without what a Gaussian keeps, scaled to unit noise, and the noise that they were divided by."""
    width = (0, smoothing, smoothing)
    background = ndimage.gaussian_filter(stack, width)
    sigma = np.sqrt(variance_at(ndimage.gaussian_filter(background, width)))
    return (stack - background) / sigma, sigma


def _along(stack: Array, sigma: Array, at: tuple[NDArray[np.intp], ...], axis: int) -> Array:
    """Return the correlation by distance along an axis, at the chosen pixels, high-passed along the other one."""
    h = (stack - ndimage.gaussian_filter1d(stack, _SMOOTHING, 3 - axis)) / sigma
    reach = min(_REACH, h.shape[axis] // 4)
    inside = at[axis] + reach < h.shape[axis]
    shifts = [(distance, 0) if axis == 1 else (0, distance) for distance in range(reach + 1)]
    covariance = _covariance(h, tuple(index[inside] for index in at), shifts)
    return np.pad(covariance / covariance[0], (0, _REACH - reach))


def _flat(h: Array, ring_widths: tuple[int, int]) -> tuple[NDArray[np.intp], ...]:
    """Return the indices of the pixels with the quietest surroundings that show noise at all."""
    inner, outer = ring_widths
    near, far = (ndimage.uniform_filter(h**2, (0, width, width)) * width**2 for width in (inner, outer))
    margin = min(outer // 2, (min(h.shape[1:]) - 8) // 2)
    ring = np.full(h.shape, np.inf)
    inside = np.s_[:, margin:-margin, margin:-margin]
    ring[inside] = (far - near)[inside]
    noisy = np.isfinite(ring) & (ring > _BLANK * (outer**2 - inner**2))
    if noisy.any():
        ring[~noisy] = np.inf
    found = ring[np.isfinite(ring)]
    return np.nonzero(ring <= np.quantile(found, max(_FLATTEST, min(1.0, 2000 / found.size))))


def _half_plane(radius: int) -> list[tuple[int, int]]:
    """Return one of each pair of opposite shifts; no shift comes first."""
    span = range(-radius, radius + 1)
    return [(0, 0), *((dy, dx) for dy in span for dx in span if (dy, dx) > (0, 0))]


def _covariance(h: Array, at: tuple[NDArray[np.intp], ...], shifts: Sequence[tuple[int, int]]) -> Array:
    """Return the mean product of h with itself by shift, over the chosen pixels."""
    image, row, column = at
    return np.array([(h[at] * h[image, row + dy, column + dx]).mean() for dy, dx in shifts])


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
