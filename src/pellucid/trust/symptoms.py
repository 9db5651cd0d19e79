"""What a residual shows of the faults of a restored image, each symptom as a size rather than a significance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from pellucid.errors import InputError
from pellucid.metrics import residual_vs_intensity
from pellucid.noise import Autocorrelation, PhotonTransfer
from pellucid.trust.support import noise_of, unsupported

Array = NDArray[np.float64]

SCALES = (1.0, 2.0, 3.0)  # pixels: widths of the Gaussians that gather structure
_PLACE = 2.0  # pixels: the one of them that looks for single places
_ALONE = 5.0  # standard deviations: as much as a single pixel counts where single places are looked for
_EDGES = 0.1  # of the pixels: those of steepest gradient
_BINS = 20
_SMALLEST = 32  # pixels


@dataclass(frozen=True, kw_only=True)
class Symptoms:
    """Sizes of what is wrong with r = y - x_hat; a perfect restoration has the values in brackets.

    Parameters
    ----------
    structure
        Power of the smoothed residual over that of smoothed noise, at edges or elsewhere, at the width where it is
        largest (1; below where noise stayed in the image).
    edges
        Whether `structure` is that of the edges.
    worst
        Largest value of the smoothed residual in standard deviations of smoothed noise (about 5).
    at
        Its place: plane, row and column.
    invented
        Largest strength of detail that the recording does not bear out, as of `unsupported` (0).
    invented_at
        Its place.
    left
        Least part of the noise's variance that must still be in the image (0). From the triangle inequality,
        (1 - sqrt(q))² with q the residual's variance over the noise's, in the median bin of intensity.
    excess
        The same ratio q in the bin where it is largest (1).
    bias
        Mean of r over the standard deviation of the noise, in the bin where it is largest (0).
    bias_intensity
        Intensity of that bin.
    light
        Part of the light that was lost; negative where light was added (0).
    """

    structure: float
    edges: bool
    worst: float
    at: tuple[int, int, int]
    invented: float
    invented_at: tuple[int, int, int]
    left: float
    excess: float
    bias: float
    bias_intensity: float
    light: float


def examine(
    noisy: ArrayLike, restored: ArrayLike, *, transfer: PhotonTransfer, correlation: Autocorrelation
) -> Symptoms:
    """Measure the symptoms of a restored image.

    Parameters
    ----------
    noisy, restored
        In recorded units, shape (..., row, column).
    transfer, correlation
        The noise of the recorded image.

    Raises
    ------
    InputError
        Where the shapes differ, or an image is smaller than 32 pixels a side or not finite.

    Notes
    -----
    Noise of the stated strength, smoothed with a Gaussian g of s pixels, has the variance Σ_k ρ(k) (g * g)(k) with ρ
    its own autocorrelation. Structure adds to it; this weighs the residual's whole autocorrelation map, radius 3, in
    the way that a lost or invented detail of width s fills it. A residual that is weaker than the noise, because the
    seen pixel was rightly used, is compared with noise as weak as itself. Intensity is that of the smoothed image:
    bins of the image itself would sort by the noise that is left in it.

    Where few photons are counted, single pixels stand out from the truth as they never would in Gaussian noise. What
    was lost or invented covers several: for `worst`, each counts as five standard deviations at most.
    """
    y, x = as_stacks(noisy, restored)
    r = y - x
    variance = noise_of(y, x, transfer)
    u = r / np.sqrt(variance)
    slope = ndimage.gaussian_gradient_magnitude(x, (0.0, 1.0, 1.0)) / np.sqrt(variance)
    edge = slope >= np.quantile(slope, 1 - _EDGES)
    smoothed = {s: _gathered(u, s, correlation) for s in SCALES}
    own = min(1.0, float(np.mean(u**2))) or 1.0
    at_edges, elsewhere = (
        max(float(np.mean(z[part] ** 2)) if part.any() else 0.0 for z in smoothed.values()) / own
        for part in (edge, ~edge)
    )
    worst = np.abs(_gathered(np.clip(u, -_ALONE, _ALONE), _PLACE, correlation))
    invented = unsupported(y, x, transfer=transfer, correlation=correlation)
    bins = residual_vs_intensity(r, ndimage.gaussian_filter(x, (0, _PLACE, _PLACE)), variance, _BINS)
    bias = bins.mean / np.sqrt(transfer.variance_at(bins.intensity))
    largest = int(np.argmax(np.abs(bias)))
    return Symptoms(
        structure=max(at_edges, elsewhere),
        edges=at_edges > elsewhere,
        worst=float(worst.max()),
        at=_place(worst),
        invented=float(invented.max()),
        invented_at=_place(invented),
        left=float((1 - np.sqrt(min(1.0, np.median(bins.ratio)))) ** 2),
        excess=float(bins.ratio.max()),
        bias=float(bias[largest]),
        bias_intensity=float(bins.intensity[largest]),
        light=float(r.mean() / max(y.mean() - transfer.offset, y.std())),
    )


def as_stacks(noisy: ArrayLike, restored: ArrayLike) -> tuple[Array, Array]:
    """Return both images as stacks (plane, row, column), checked."""
    y, x = (np.asarray(image, dtype=np.float64) for image in (noisy, restored))
    if y.shape != x.shape or y.ndim < 2 or min(y.shape[-2:]) < _SMALLEST:
        raise InputError(
            f"A restored image is judged against the recorded one of the same shape, {_SMALLEST} pixels a side or "
            f"more, but the shapes are {x.shape} and {y.shape}; give the pair that belongs together."
        )
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        raise InputError("A restored image is judged on finite values, but one of the two holds NaN or infinity.")
    return y.reshape(-1, *y.shape[-2:]), x.reshape(-1, *x.shape[-2:])


def _place(values: Array) -> tuple[int, int, int]:
    """Return plane, row and column of the largest value."""
    plane, row, column = (int(i) for i in np.unravel_index(np.argmax(values), values.shape))
    return plane, row, column


def _gathered(u: Array, s: float, correlation: Autocorrelation) -> Array:
    """Smooth a residual in units of the noise, and divide it by what the noise alone would give."""
    reach = np.arange(correlation.map.shape[0]) - correlation.map.shape[0] // 2
    overlap = np.exp(-(reach[:, None] ** 2 + reach**2) / (4 * s**2)) / (4 * np.pi * s**2)
    noise = max(float(np.sum(correlation.map * overlap)), float(overlap.max()))
    gathered: Array = ndimage.gaussian_filter(u, (0.0, s, s), mode="constant") / np.sqrt(noise)
    return gathered
