"""How strong the noise of an image is, read from the image itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pellucid.errors import InputError
from pellucid.noise.correlation import Autocorrelation, autocorrelation
from pellucid.noise.gaussian import Gaussian
from pellucid.noise.levels import Levels
from pellucid.noise.poisson_gaussian import PoissonGaussian

Array = NDArray[np.float64]

_WINDOW = 5  # pixels; the intensity is the mean of a window this wide
_BINS = 40
_DIAGONALS = np.array(  # the second difference along one diagonal, then along the other
    [
        [0.0, 0.0, 1.0, 0.0, 0.0],
        [0.0, -2.0, 0.0, -2.0, 0.0],
        [1.0, 0.0, 4.0, 0.0, 1.0],
        [0.0, -2.0, 0.0, -2.0, 0.0],
        [0.0, 0.0, 1.0, 0.0, 0.0],
    ]
)
_MARGIN = 8  # pixels at the border that have no full surroundings
_PAIRS = 1000  # from which a noise model is learned
_USABLE = 0.1  # part of the pixels that must show noise
_SPOILT = 0.3  # part of a bin that is clipped, from which on it tells nothing of the noise
_LEAST_CHANGE = 1.1  # of the variance over the image, for noise to be called signal-dependent


@dataclass(frozen=True, kw_only=True)
class PhotonTransfer:
    """The variance of the noise as a function of intensity: gain (z - offset) + sigma².

    An image shows only the line gain z + c. Where c is positive it is put down to the detector (sigma² = c and
    offset = 0), otherwise, or where the image goes below zero, to the offset (sigma = 0 and offset = -c / gain).

    Parameters
    ----------
    model
        ``"gaussian"`` where the variance does not grow with intensity (gain and offset are zero then).
    gain, offset, sigma
        In grey levels.
    floor
        Variance in the dark, below which the line is not believed.
    intensity, variance, pixels
        The measured points: mean, variance and number of pixels of each bin of intensity.
    """

    model: Literal["gaussian", "poisson-gaussian"]
    gain: float
    offset: float
    sigma: float
    floor: float
    intensity: Array
    variance: Array
    pixels: NDArray[np.int64]

    def variance_at(self, z: Array) -> Array:
        """Return the fitted variance at the intensities z."""
        return np.maximum(self.gain * (z - self.offset) + self.sigma**2, self.floor)

    @property
    def noise(self) -> Gaussian | PoissonGaussian:
        """The noise model with this variance; darkness is where the line reaches `floor`."""
        if self.model == "gaussian":
            return Gaussian(np.sqrt(self.floor))
        darkness = self.offset + (self.floor - self.sigma**2) / self.gain
        return PoissonGaussian(self.gain, darkness, np.sqrt(self.floor))

    def inflate(self, factor: float) -> PhotonTransfer:
        """Return the same curve with all variances multiplied by a factor."""
        return replace(
            self,
            gain=self.gain * factor,
            sigma=self.sigma * np.sqrt(factor),
            floor=self.floor * factor,
            variance=self.variance * factor,
        )


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """How strong the noise of an image is, and how far it reaches from pixel to pixel."""

    transfer: PhotonTransfer
    correlation: Autocorrelation


def diagnose(images: Array) -> Diagnosis:
    """Estimate strength and correlation of the noise from the noisy image alone.

    Parameters
    ----------
    images
        Shape (..., row, column): an image, or a stack of images (or of blocks of one) taken alike.

    Raises
    ------
    InputError
        Where an image is smaller than 32 pixels, constant or not finite.

    Notes
    -----
    `photon_transfer` takes the noise for independent from pixel to pixel. Where it turns out to be
    correlated, the variance is multiplied by what the flattest parts of the image show in all.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> seen = diagnose(100 + 4.0 * rng.poisson(np.linspace(2, 30, 256), (256, 256)))
    >>> seen.transfer.model, round(seen.transfer.gain), seen.correlation.correlated
    ('poisson-gaussian', 4, False)
    """
    transfer = photon_transfer(images)
    correlation = autocorrelation(images, transfer.variance_at)
    if correlation.correlated:
        transfer = transfer.inflate(correlation.total)
    return Diagnosis(transfer=transfer, correlation=correlation)


def photon_transfer(images: Array) -> PhotonTransfer:
    """Fit the variance of the noise against intensity, from the noisy image alone.

    The residual h is the second difference along both diagonals, scaled to keep the variance of white noise.
    It is blind to cubic surfaces, and to a correlation of direct neighbours as scanning microscopes have it: no
    two of its pixels touch along an axis. The mean of h² is taken over pixels of like local mean, only in the
    smoother half of each such set, and a line is fitted to the means.

    Parameters
    ----------
    images
        Shape (..., row, column), with noise independent from pixel to pixel.

    Raises
    ------
    InputError
        Where an image is smaller than 32 pixels, constant or not finite.

    Notes
    -----
    For Poisson noise the mean of h² given the local mean is not biased by their sharing pixels: given their
    sum, photons fall on the pixels of a window at random, and E[h² | sum] = sum / pixels. Robust variances
    (the median of |h|) would fail: at a twentieth of a photon a pixel, the median is zero. For Gaussian noise
    the slope is flattened where the noise of the local mean is as wide as the range of intensities. Smoothness
    is judged on pixels that the local mean does not contain.

    References
    ----------
    Immerkær, "Fast noise variance estimation", Computer Vision and Image Understanding 64 (1996), equation 2,
    for the residual (there along the axes). Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting
    for single-image raw-data", IEEE Transactions on Image Processing 17 (2008), equation 3, for the line.
    """
    stack = as_stack(images)
    residual = ndimage.convolve(stack, _DIAGONALS[None] / np.linalg.norm(_DIAGONALS))
    mean = local_mean(stack)
    texture = np.zeros_like(mean)
    for axis, shift in ((-2, _WINDOW), (-2, -_WINDOW), (-1, _WINDOW), (-1, -_WINDOW)):
        texture += (np.roll(mean, shift, axis) - mean) ** 2
    return _curve(stack, mean, residual**2, texture)


def photon_transfer_repeats(a: Array, b: Array) -> PhotonTransfer:
    """Fit the variance of the noise against intensity, from two independent recordings of one scene.

    Half the squared difference has the variance of the noise as its mean, whatever the scene and however the
    noise is correlated.

    Parameters
    ----------
    a, b
        Shape (..., row, column); the same scene at the same brightness.

    Raises
    ------
    InputError
        Where the shapes differ, or an image is smaller than 32 pixels, constant or not finite.
    """
    if a.shape != b.shape:
        raise InputError(f"Repeats must have one shape, but have {a.shape} and {b.shape}; give matching images.")
    first, second = as_stack(a), as_stack(b)
    difference = first - second
    squares = local_mean((difference - difference.mean()) ** 2 / 2)
    return _curve(first, local_mean((first + second) / 2), squares, None)


def photon_transfer_pairs(signal: Array, observed: Array) -> PhotonTransfer:
    """Fit the variance of the noise against intensity, from noiseless values and what was recorded of them.

    Parameters
    ----------
    signal, observed
        Of one shape.

    Raises
    ------
    InputError
        Where there are fewer than a thousand pairs, or they hold no noise, or one signal only.
    """
    order = np.argsort(signal, axis=None, kind="stable")
    z, square = signal.ravel()[order], (observed - signal).ravel()[order] ** 2
    if z.size < _PAIRS or not square.any():
        raise InputError(
            f"A noise model is learned from {_PAIRS} noisy values or more, but {np.count_nonzero(square)} came; give a "
            "longer or larger calibration."
        )
    if z[0] == z[-1]:
        raise InputError(f"A noise model is learned from signals of several strengths, but all are {z[0]:g}.")
    parts = np.array_split(np.arange(z.size), _BINS)
    intensity, variance, pixels = np.array([(z[part].mean(), square[part].mean(), part.size) for part in parts]).T
    return _fit(intensity, variance, pixels, float(square[square > 0].min()) / 12)


def as_stack(images: Array) -> Array:
    """Return images as a stack (n, row, column) of floats, checked."""
    stack = np.asarray(images, dtype=np.float64)
    if stack.ndim < 2 or min(stack.shape[-2:]) < 32:
        raise InputError(f"Noise is estimated from images of 32 pixels a side or more, but the shape is {stack.shape}.")
    if not np.isfinite(stack).all():
        raise InputError("Noise is estimated from finite values, but the image holds NaN or infinity; fill them.")
    if stack.min() == stack.max():
        raise InputError(f"The image is constant ({stack.flat[0]:g} everywhere), so it shows no noise to estimate.")
    return stack.reshape(-1, *stack.shape[-2:])


def local_mean(stack: Array) -> Array:
    """Return the mean over the window around each pixel."""
    mean: Array = ndimage.uniform_filter(stack, (0, _WINDOW, _WINDOW))
    return mean


def _curve(stack: Array, mean: Array, squares: Array, texture: Array | None) -> PhotonTransfer:
    """Bin squared residuals by local mean, drop what is clipped or textured, and fit the line."""
    inner = np.s_[:, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    order = np.argsort(mean[inner], axis=None, kind="stable")
    levels = Levels.of(stack)
    mean, squares = (array[inner].ravel()[order] for array in (mean, squares))
    texture = np.zeros_like(mean) if texture is None else texture[inner].ravel()[order]
    for real_zeros in (False, True):  # photon counting at low rates: the zeros are real
        clipped, blank = (part[inner].ravel()[order] for part in _clipped(stack, levels, real_zeros))
        usable, points = np.flatnonzero(~blank), []
        if usable.size < _USABLE * blank.size:
            continue
        for part in np.array_split(usable, _BINS):
            smooth = part[texture[part] <= np.median(texture[part])]
            points.append((mean[smooth].mean(), squares[smooth].mean(), smooth.size, clipped[part].mean()))
        intensity, variance, pixels, share = np.array(points).T
        least = 0.02 if not real_zeros else max(0.02, np.partition(share, 3)[3])  # four bins, where there is no better
        good = share <= least
        if good.sum() >= 4 and least < _SPOILT:
            return _fit(intensity[good], variance[good], pixels[good], levels.step**2 / 12)
    raise InputError(
        f"{levels.bright:.0%} of the pixels are saturated at {levels.high:g}, and the others do not show the noise; "
        "record with less light."
    )


def _clipped(stack: Array, levels: Levels, real_zeros: bool) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which pixels are clipped, and which lie in areas without noise or at their edges."""
    dark, bright = levels.clipped(stack)
    clipped = bright if real_zeros else dark | bright
    blank = ndimage.minimum_filter(clipped, (1, _WINDOW, _WINDOW))
    return clipped, ndimage.maximum_filter(blank, (1, 2 * _WINDOW - 1, 2 * _WINDOW - 1))


def _fit(intensity: Array, variance: Array, pixels: Array, rounding: float) -> PhotonTransfer:
    """Fit gain z + c by least squares, reweighted: precise bins count more, outliers less (Huber)."""
    if not variance.any():
        raise InputError("The image is constant but for a few pixels, so it shows no noise to estimate.")
    fitted = np.full_like(variance, variance.mean())
    for _ in range(20):
        relative = variance / fitted - 1
        scale = 2 * 1.4826 * np.median(np.abs(relative)) + 1e-9
        weight = np.sqrt(pixels / np.maximum(1, np.abs(relative) / scale)) / fitted
        gain, c = np.polyfit(intensity, variance, 1, w=weight)
        fitted = np.maximum(gain * intensity + c, 1e-3 * variance.mean() + 1e-30)
    if gain <= 0 or fitted.max() < _LEAST_CHANGE * fitted.min():
        gain, c = 0.0, np.average(variance, weights=weight**2)
    detector = c if gain == 0 or (c > 0 and intensity.min() >= 0) else 0.0
    return PhotonTransfer(
        model="poisson-gaussian" if gain else "gaussian",
        gain=float(gain),
        offset=float((detector - c) / gain) if gain else 0.0,
        sigma=float(np.sqrt(detector)),
        floor=float(max(detector, min(variance.min(), gain**2 / 4), rounding)),
        intensity=intensity,
        variance=variance,
        pixels=pixels.astype(np.int64),
    )
