"""From what an X-ray detector counted to line integrals: flat field, logarithm, rings, centre of rotation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.optimize import minimize_scalar

from pellucid.errors import InputError

Array = NDArray[Any]
_RING = 21  # detector bins that the median filter spans
_RADIUS = 0.25  # of the object, in widths of the detector
_OPPOSITE = 0.04  # radians that opposite angles may be off
_REACH = 2  # bins around a guess
_BAND = (0.05 * np.pi, 0.3 * np.pi)  # radians per bin: below is the truncation, above the noise
_LEAST_ORDER = 3  # of the Fourier series over the circle: those below are large wherever the centre is


def transmission(counts: Array, white: Array, dark: Array | None = None) -> Array:
    """Return which part of the beam passed, (counts − dark) / (white − dark), by the mean of each kind of frame.

    Parameters
    ----------
    counts
        Shape (..., angle, detector).
    white, dark
        Frames without object and without beam, (..., frame, detector); no dark frames count as zero.

    Raises
    ------
    InputError
        Where a bin saw no more with the beam than without.
    """
    black = np.zeros(1) if dark is None else dark.mean(-2, keepdims=True, dtype=np.float64)
    beam = white.mean(-2, keepdims=True, dtype=np.float64) - black
    dead = int((~(beam > 0)).sum())
    if dead:
        raise InputError(
            f"{dead:,} of {beam.size:,} detector bins saw no more in the white fields than in the dark ones: the "
            "fields are exchanged, or these bins are dead and must be cut off or filled in."
        )
    passed: Array = (counts - black) / beam
    return passed


def line_integrals(passed: Array, *, floor: float | None = None) -> Array:
    """Return −log of a transmission.

    Parameters
    ----------
    passed
        Part of the beam that passed.
    floor
        The least transmission that the detector can tell from none; smaller, zero and negative ones count as this.

    Raises
    ------
    InputError
        Where some are zero or negative and no floor is given, or some are not finite.
    """
    if not np.isfinite(passed).all():
        raise InputError(
            f"{int((~np.isfinite(passed)).sum()):,} measured values are not finite: mend or leave them out."
        )
    lost = int((passed <= 0).sum())
    if lost and floor is None:
        raise InputError(
            f"{lost:,} of {passed.size:,} rays have no counts left after the dark field (the least transmission is "
            f"{passed.min():.3g}), and zero has no logarithm: give --floor, the least transmission that counts, such "
            "as 0.001."
        )
    if floor is not None and not 0 < floor < 1:
        raise InputError(f"The least transmission lies between 0 and 1; {floor:g} does not.")
    return -np.log(passed if floor is None else np.maximum(passed, floor))


def noise_of_line_integrals(counts: Array, white: Array, dark: Array | None = None) -> Array | None:
    """Return the variance of −log transmission of every ray, from the repeats among the white fields.

    A detector of gain g counts with a variance of g times what it counts; so −log has the variance g / counts.

    Parameters
    ----------
    counts, white, dark
        As in `transmission`.

    Returns
    -------
    array or None
        Shaped like `counts`; None where there are fewer than three white fields.
    """
    if white.shape[-2] < 3:
        return None
    black = np.zeros(1) if dark is None else dark.mean(-2, keepdims=True, dtype=np.float64)
    levels = white.mean(-1, keepdims=True, dtype=np.float64)  # the beam may flicker as a whole
    steady = white * (levels.mean(-2, keepdims=True) / levels)
    gain = steady.var(-2, ddof=1).mean() / (white - black).mean()
    return np.asarray(gain / np.maximum(counts - black, gain))


def without_rings(sinogram: Array, *, width: int = _RING) -> Array:
    """Return a sinogram without the vertical stripes of bins that respond otherwise than their neighbours.

    The values of each bin are sorted, so that equal ranks of neighbouring bins differ by their response alone; a median
    filter over `width` bins takes that away, and the order is put back.

    Parameters
    ----------
    sinogram
        Shape (..., angle, detector).
    width
        Odd; stripes must be narrower than half of it.

    References
    ----------
    Vo, Atwood, Drakopoulos, "Superior techniques for eliminating ring artifacts in X-ray micro-tomography", Optics
    Express 26, 2018, algorithm 3.
    """
    order = np.argsort(sinogram, -2)
    ranked = np.take_along_axis(sinogram, order, -2)
    ranked = median_filter(ranked, (1,) * (sinogram.ndim - 1) + (width,), mode="nearest")
    result: Array = np.empty_like(ranked)
    np.put_along_axis(result, order, ranked, -2)
    return result


def find_centre(sinogram: Array, angles: Array) -> float:
    """Return the bin on which the axis of rotation falls.

    Opposite projections are mirror images about it, which tells it to half a bin; where none are opposite, the centre
    of mass of the projections does, which swings around it, m(θ) = c + x cos θ + y sin θ. From there, where angles
    cover a half circle evenly, the search goes on: continued by its mirror image to a full circle, the sinogram of an
    object of finite size has next to no energy at Fourier coefficients whose angular order exceeds radius · frequency,
    unless the centre is wrong.

    Parameters
    ----------
    sinogram
        Line integrals, shape (angle, detector).
    angles
        In radians, shape (angle,).

    Returns
    -------
    float
        To about a tenth of a bin where the angles are even.

    References
    ----------
    Helgason, "The Radon transform", 1980, for the moments.
    Vo, Drakopoulos, Atwood, Reinhard, "Reliable method for calculating the center of rotation in parallel-beam
    tomography", Optics Express 22, 2014.
    """
    size = sinogram.shape[1]
    start = _guess(sinogram, angles)
    order = np.argsort(angles)
    half = order[angles[order] < angles[order[0]] + np.pi * (1 - 0.5 / len(angles))]
    steps = np.diff(angles[half])
    if len(steps) < 8 or np.ptp(steps) > 0.1 * steps.mean() or abs(len(half) * steps.mean() - np.pi) > steps.mean():
        return start
    cost = _energy_outside(sinogram[half])
    tried = np.clip(np.arange(start - _REACH, start + _REACH + 0.5, 0.5), 0, size - 1)
    best = float(tried[np.argmin([cost(c) for c in tried])])
    low, high = max(best - 0.5, 0), min(best + 0.5, size - 1)
    return float(minimize_scalar(cost, bounds=(low, high), method="bounded", options={"xatol": 0.02}).x)


def _guess(sinogram: Array, angles: Array) -> float:
    """Return the centre to half a bin from projections that are nearly opposite, or else from centres of mass."""
    size = sinogram.shape[1]
    first, second = np.triu_indices(len(angles), 1)
    opposite = np.abs(np.exp(1j * angles[first]) + np.exp(1j * angles[second])) < _OPPOSITE
    if opposite.any():
        slices = np.fft.rfft(sinogram - sinogram.mean(1, keepdims=True), 2 * size)
        products = (slices[first[opposite]] * slices[second[opposite]]).sum(0)
        return float(np.fft.irfft(products, 2 * size).argmax()) / 2
    swing = np.stack([np.ones_like(angles), np.cos(angles), np.sin(angles)], 1)
    mass = sinogram @ np.arange(size) / sinogram.sum(1)
    return float(np.clip(np.linalg.lstsq(swing, mass)[0][0], 0, size - 1))


def _energy_outside(sinogram: Array) -> Callable[[float], float]:
    """Return the cost of a centre: the mean amplitude in the wedges that an object of half the width leaves empty."""
    count, size = sinogram.shape
    slices = np.fft.rfft(sinogram, 2 * size)
    sigma = np.pi * np.arange(slices.shape[1]) / size
    orders = np.abs(np.fft.fftfreq(2 * count, 1 / (2 * count)))
    empty = (orders[:, None] > _RADIUS * size * sigma + _LEAST_ORDER) & (sigma > _BAND[0]) & (sigma < _BAND[1])

    def cost(centre: float) -> float:
        centred = slices * np.exp(1j * sigma * centre)
        whole = np.fft.fft(np.concatenate([centred, centred.conj()]), axis=0)
        return float(np.abs(whole[empty]).mean())

    return cost
