"""What a residual tells without any truth: a good one looks like noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2
from torch import Tensor

from pellucid.errors import InputError
from pellucid.metrics.reference import as_array, as_pair

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Whiteness:
    """The autocorrelation of a residual, and whether chance explains it.

    Parameters
    ----------
    map
        Correlation coefficient by shift (row, column), shape (2 radius + 1, 2 radius + 1), one in the centre.
    score
        The same in standard errors; zero in the centre.
    p_value
        Probability that a white residual gives scores as large: sum of their squares against chi-squared.
    """

    map: Array
    score: Array
    p_value: float


def whiteness(residual: ArrayLike | Tensor, radius: int = 3) -> Whiteness:
    """Test whether neighbours in a residual are uncorrelated.

    The score of a shift is Σ p / sqrt(Σ p²) with p the products of neighbours: products of independent values
    are uncorrelated, so this holds wherever the noise is stronger or weaker.

    Parameters
    ----------
    residual
        Shape (..., row, column), of mean zero; larger than `radius` a side.
    radius
        Largest shift in pixels.

    Notes
    -----
    In a large image a correlation of a few thousandths is significant and harmless: look at `map` too.
    """
    r = as_array(residual)
    if r.ndim < 2 or min(r.shape[-2:]) <= radius:
        raise InputError(f"A residual needs more than {radius} pixels a side, but the shape is {r.shape}.")
    rows, columns = r.shape[-2:]
    size = 2 * radius + 1
    correlation, score = np.ones((size, size)), np.zeros((size, size))
    power = np.mean(r**2)
    shifts = [(dy, dx) for dy in range(radius + 1) for dx in range(-radius, radius + 1) if (dy, dx) > (0, 0)]
    for dy, dx in shifts:
        here = r[..., : rows - dy, max(0, -dx) : columns - max(0, dx)]
        there = r[..., dy:, max(0, dx) : columns - max(0, -dx)]
        product = here * there
        spread = np.sqrt(np.sum(product**2))
        for y, x in ((radius + dy, radius + dx), (radius - dy, radius - dx)):
            correlation[y, x] = product.mean() / power if power > 0 else 0.0
            score[y, x] = product.sum() / spread if spread > 0 else 0.0
    return Whiteness(map=correlation, score=score, p_value=float(chi2.sf(np.sum(score**2) / 2, len(shifts))))


@dataclass(frozen=True, kw_only=True)
class ByIntensity:
    """Mean and variance of a residual by intensity; one value a bin.

    Parameters
    ----------
    intensity
        Mean of the image in the bin.
    mean, mean_se
        Mean of the residual and its standard error: away from zero, signal was lost or invented.
    variance
        Variance of the residual.
    ratio
        Mean of residual² / expected variance: one where the residual is as strong as the noise, below one
        where noise stayed in the image, above one where signal went into the residual.
    """

    intensity: Array
    mean: Array
    mean_se: Array
    variance: Array
    ratio: Array


def residual_vs_intensity(
    residual: ArrayLike | Tensor, x_hat: ArrayLike | Tensor, variance: ArrayLike | Tensor, bins: int = 20
) -> ByIntensity:
    """Compare a residual with the noise that was expected, by intensity of the restored image.

    Parameters
    ----------
    residual, x_hat
        Of one shape.
    variance
        Expected variance of the noise, of the same shape or one number.
    bins
        Number of bins, of as many pixels each.
    """
    r, image = as_pair(residual, x_hat)
    if r.size < 2 * bins:
        raise InputError(f"{bins} bins need {2 * bins} pixels or more, but there are {r.size}; ask for fewer bins.")
    order = np.argsort(image, axis=None, kind="stable")
    expected = np.broadcast_to(as_array(variance), r.shape)
    intensity, r, relative = (v.ravel()[order] for v in (image, r, r**2 / expected))
    rows = [
        (
            intensity[i].mean(),
            r[i].mean(),
            r[i].std(ddof=1) / np.sqrt(i.size),
            r[i].var(ddof=1),
            relative[i].mean(),
        )
        for i in np.array_split(np.arange(r.size), bins)
    ]
    columns = np.array(rows).T
    return ByIntensity(intensity=columns[0], mean=columns[1], mean_se=columns[2], variance=columns[3], ratio=columns[4])
