"""How good a series of images of one object is: noise in time, activation, phase, and the blur that paid for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from torch import Tensor

from pellucid.errors import InputError
from pellucid.metrics.reference import as_array, as_pair

Array = NDArray[np.float64]


def cosine_drifts(frames: int, count: int) -> Array:
    """Return the slowest cosines over a series, without the constant one, shape (frames, count).

    A scanner drifts slowly, so these are no activation: cos(π k (t + ½) / frames) for k = 1 ... count.

    Examples
    --------
    >>> cosine_drifts(4, 1).round(3)[:, 0].tolist()
    [0.924, 0.383, -0.383, -0.924]
    """
    time = np.arange(frames)[:, None] + 0.5
    drifts: Array = np.cos(np.pi * np.arange(1, count + 1) * time / frames)
    return drifts


def temporal_snr(series: ArrayLike | Tensor, expected: ArrayLike | Tensor | None = None) -> Array:
    """Return the temporal signal-to-noise ratio of each voxel: its mean over the standard deviation of its noise.

    Parameters
    ----------
    series
        Magnitudes, shape (frames, *space).
    expected
        Courses that are not noise (activation, drifts), shape (frames, count): they are fitted and taken away first.

    Returns
    -------
    Array
        Shape of the space; zero where a voxel is constant.

    Examples
    --------
    >>> temporal_snr([[9.0], [11.0], [10.0], [8.0], [12.0]]).round(3).tolist()
    [6.325]
    """
    values = as_array(series)
    constant = np.ones((len(values), 1))
    courses = constant if expected is None else np.hstack([constant, as_array(expected)])
    _, variance, _ = _fitted(values, courses)
    deviation = np.sqrt(variance)
    snr: Array = np.divide(values.mean(0), deviation, out=np.zeros_like(deviation), where=deviation > 0)
    return snr


def t_map(series: ArrayLike | Tensor, response: ArrayLike | Tensor, drifts: int = 2) -> Array:
    r"""Return Student's t of the response in every voxel, by the general linear model [1]_.

    .. math:: y = X \beta + \varepsilon, \qquad
        t = \frac{\beta_1}{\hat\sigma \sqrt{(X^\top X)^{-1}_{11}}}, \qquad
        \hat\sigma^2 = \frac{|y - X \hat\beta|^2}{T - \mathrm{rank}\, X}

    X has the response, a constant, and the slowest cosines; without activation and with white noise, t has Student's
    distribution with T - 2 - `drifts` degrees of freedom.

    Parameters
    ----------
    series
        Magnitudes, shape (frames, *space).
    response
        The expected course of an active voxel, shape (frames,).
    drifts
        Number of cosines; see `cosine_drifts`.

    Returns
    -------
    Array
        Shape of the space; zero where a voxel is constant.

    References
    ----------
    .. [1] K. J. Friston et al., "Statistical parametric maps in functional imaging: a general linear approach", Human
       Brain Mapping 2, 1994.
    """
    values, course = as_array(series), as_array(response)
    courses = np.column_stack([course, np.ones(len(course)), cosine_drifts(len(course), drifts)])
    weights, variance, inverse = _fitted(values, courses)
    error = np.sqrt(variance * inverse[0, 0])
    t: Array = np.divide(weights[0], error, out=np.zeros_like(error), where=error > 0)
    return t


def roc_area(score: ArrayLike | Tensor, active: ArrayLike | Tensor) -> float:
    """Return the probability that an active voxel scores higher than another one, ties counting half.

    This is the area under the receiver operating characteristic (Mann and Whitney's U over all pairs).

    Examples
    --------
    >>> roc_area([3.0, 1.0, 2.0, 2.0], [1, 0, 1, 0])
    0.875
    """
    values, truth = as_pair(score, active)
    positive = truth != 0
    count, others = int(positive.sum()), int((~positive).sum())
    if not count or not others:
        raise InputError("A receiver operating characteristic needs voxels that are active and voxels that are not.")
    ranks = rankdata(values.ravel())[positive.ravel()]
    return float((ranks.sum() - count * (count + 1) / 2) / (count * others))


def coherence(series: ArrayLike | Tensor) -> Array:
    r"""Return how steady the phase of each voxel is over a complex series, :math:`|\sum_t x_t| / \sum_t |x_t|`.

    One where the phase never changes; :math:`1 - 1/(2\,\mathrm{SNR}^2)` where white noise moves it a little.

    Parameters
    ----------
    series
        Complex, shape (frames, *space).
    """
    values = _complex(series)
    total = np.abs(values).sum(0)
    steady: Array = np.divide(np.abs(values.sum(0)), total, out=np.zeros_like(total), where=total > 0)
    return steady


def phase_correlation(x_hat: ArrayLike | Tensor, x: ArrayLike | Tensor) -> float:
    r"""Return the mean of :math:`\cos(\arg \hat x - \arg x)`: one where the phase is kept, near zero where it is lost.

    Parameters
    ----------
    x_hat, x
        Complex images and the truth, of one shape; only voxels of the object.
    """
    unit = [np.exp(1j * np.angle(_complex(values))) for values in (x_hat, x)]
    return float((unit[0] * unit[1].conj()).real.mean())


def full_width(response: ArrayLike | Tensor) -> float:
    """Return the full width at half maximum of a point response in pixels, the mean over its axes.

    Along each axis through the maximum, the line between neighbouring samples is followed to half the maximum: a single
    pixel has the width one.

    Parameters
    ----------
    response
        What one planted point became, shape (row, column) or (plane, row, column), with the maximum inside.

    References
    ----------
    Chan, Haldar, "Local perturbation responses and checkerboard tests: characterization tools for nonlinear MRI
    methods", Magnetic Resonance in Medicine 86, 2021: of a reconstruction that is not linear, the response to a small
    change of the object, F(y + H δ) - F(y).

    Examples
    --------
    >>> full_width([[0, 0.2, 0], [0.2, 1, 0.2], [0, 0.2, 0]])
    1.25
    """
    values = as_array(response)
    centre = [int(at) for at in np.unravel_index(values.argmax(), values.shape)]
    lines = [np.moveaxis(values, axis, -1)[tuple(np.delete(centre, axis))] for axis in range(values.ndim)]
    sides = [side for line, at in zip(lines, centre, strict=True) for side in (line[at:], line[at::-1])]
    return float(sum(map(_half, sides)) / values.ndim)


def _half(side: Array) -> float:
    """Return how far from its first sample a line falls to half of it."""
    below = np.flatnonzero(side <= side[0] / 2)
    if not len(below):
        raise InputError("The response to a point is wider than what was cut around it: give more of the image.")
    last = below[0] - 1
    return float(last + (side[last] - side[0] / 2) / (side[last] - side[last + 1]))


def _fitted(values: Array, courses: Array) -> tuple[Array, Array, Array]:
    """Return the least-squares weights, the variance of what they leave, and the inverse Gram matrix."""
    free = len(values) - courses.shape[1]
    if len(values) != len(courses) or free < 1:
        raise InputError(
            f"{courses.shape[1]} courses of {len(courses)} frames cannot be fitted to {len(values)} frames."
        )
    flat = values.reshape(len(values), -1)
    inverse = np.asarray(np.linalg.pinv(courses.T @ courses), np.float64)
    weights = inverse @ (courses.T @ flat)
    variance = ((flat - courses @ weights) ** 2).sum(0) / free
    return weights.reshape(-1, *values.shape[1:]), variance.reshape(values.shape[1:]), inverse


def _complex(values: ArrayLike | Tensor) -> NDArray[np.complex128]:
    return np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values, np.complex128)
