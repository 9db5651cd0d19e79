"""How far an image is from the truth, where there is one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.metrics import structural_similarity
from torch import Tensor

from pellucid.errors import InputError

Array = NDArray[np.float64]


def psnr(x_hat: ArrayLike | Tensor, x: ArrayLike | Tensor, data_range: float, *, affine: bool = False) -> float:
    """Return the peak signal-to-noise ratio in decibels, 10 log10(data_range² / mean((x_hat - x)²)).

    Parameters
    ----------
    x_hat, x
        Image and truth, of one shape.
    data_range
        Largest possible difference of two values of x, such as 255.
    affine
        Fit a x_hat + b to x first: for images that lost their scale.

    Examples
    --------
    >>> psnr([1.0, 3.0], [1.0, 2.0], 10.0)
    23.010299956639813
    """
    image, truth = as_pair(x_hat, x)
    if affine:
        slope, intercept = np.polyfit(image.ravel(), truth.ravel(), 1)
        image = slope * image + intercept
    error = np.mean((image - truth) ** 2)
    return float(10 * np.log10(data_range**2 / error)) if error > 0 else float("inf")


def ssim(x_hat: ArrayLike | Tensor, x: ArrayLike | Tensor, data_range: float) -> float:
    """Return the mean structural similarity, with the Gaussian window of 1.5 pixels of the paper.

    Parameters
    ----------
    x_hat, x
        Image and truth, shape (row, column) or (plane, row, column), at least 11 pixels a side.
    data_range
        Largest possible difference of two values of x.

    References
    ----------
    Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural
    similarity", IEEE Transactions on Image Processing 13 (2004), equations 13 and 17.
    """
    image, truth = as_pair(x_hat, x)
    if min(truth.shape) < 11:
        raise InputError(f"Structural similarity needs 11 pixels a side, but the shape is {truth.shape}.")
    return float(
        structural_similarity(
            image, truth, data_range=data_range, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
    )


def as_array(values: ArrayLike | Tensor) -> Array:
    """Return numbers from anywhere, a tensor on any device included, as an array in double precision."""
    return np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values, dtype=np.float64)


def as_pair(a: ArrayLike | Tensor, b: ArrayLike | Tensor) -> tuple[Array, Array]:
    """Return two images as arrays, of one shape."""
    first, second = as_array(a), as_array(b)
    if first.shape != second.shape:
        raise InputError(f"Two images to compare must have one shape, but have {first.shape} and {second.shape}.")
    return first, second
