"""Point-spread functions that were measured or come from a file: checked, centred, of unit sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from pellucid.errors import InputError

Array = NDArray[np.float64]

_RIPPLE = 1e-3  # of the maximum: negative by rounding
_PEDESTAL = 0.5  # of the background: an image that nowhere falls below it has an offset
_SIGNAL = 3.0  # standard deviations of the background
_BRIGHT = 10.0  # the same, for a bead
_CORE = 3  # pixels around a bead that its centre of mass is taken of
_WIDEST = 32  # pixels that a measured PSF reaches to a side
_LEAST = 4  # pixels that it must reach to a side


def prepared(psf: NDArray[Any], name: str = "The PSF") -> Array:
    """Return a PSF of unit sum with its centre, the centroid of its square, at n // 2 of each axis.

    It is brought there by zeros that are added and, within a voxel, by a phase in Fourier space: a PSF that lies
    between voxels would displace all that is deconvolved with it. Where it never falls below half of what its outer
    faces show, that is taken for the offset of a camera: it is subtracted, and what is not above its noise is zero.

    Parameters
    ----------
    psf
        Two or three axes.
    name
        What to call it in a sentence.

    Raises
    ------
    InputError
        If it has values that are negative or no numbers, no light, or its centre far from its middle.
    """
    if np.iscomplexobj(psf):
        raise InputError(f"{name} holds complex numbers: a PSF is of intensities; give the squares of their moduli.")
    found: Array = np.asarray(psf, dtype=np.float64)
    if not np.isfinite(found).all():
        raise InputError(f"{name} holds NaN or infinity: a PSF has numbers that are not negative; repair it.")
    if 0 < _PEDESTAL * _surroundings(found)[0] < found.min():
        found = _light(found)
    if found.min() < -_RIPPLE * found.max() or found.min() < 0 >= found.max():
        raise InputError(
            f"{name} has negative values, down to {found.min():.3g}: a PSF has none; subtract less background from it."
        )
    found = found.clip(min=0)
    if found.sum() == 0:
        raise InputError(f"{name} holds no light: its sum, less its background, is zero; give the image of a point.")
    centre = _centre(found, name)
    margins = []
    for c, n in zip(centre.round().astype(int), found.shape, strict=True):
        margins.append((n - 1 - 2 * c, 0) if c < n // 2 else (0, 2 * c - n) if c > n // 2 else (0, 0))
    moved = ndimage.fourier_shift(fft.fftn(np.pad(found, margins)), centre.round() - centre)
    light = fft.ifftn(moved).real.clip(min=0)
    unit: Array = light / light.sum()
    return unit


def _surroundings(psf: Array) -> tuple[float, float]:
    """Return median and standard deviation of the outer faces."""
    inner = np.zeros(psf.shape, dtype=bool)
    inner[tuple(slice(1, n - 1) for n in psf.shape)] = True
    faces = psf[~inner]
    middle = float(np.median(faces))
    return middle, float(1.4826 * np.median(np.abs(faces - middle)))


def _light(psf: Array) -> Array:
    """Return what is above the noise of the surroundings."""
    background, noise = _surroundings(psf)
    found: Array = np.where(psf - background > _SIGNAL * noise, psf - background, 0.0)
    return found


def _centre(psf: Array, name: str) -> Array:
    """Return the centroid of the square, of which faint tails, cut off by the edges, are no part."""
    centre = np.array(ndimage.center_of_mass(psf**2))
    if any(not n // 4 <= c <= n - 1 - n // 4 for c, n in zip(centre, psf.shape, strict=True) if n > 2):
        raise InputError(
            f"{name}, of shape {psf.shape}, has its centre at {tuple(centre.round(1).tolist())}, far from its middle: "
            "crop or shift it, so that the point lies in the middle."
        )
    return centre


@dataclass(frozen=True)
class Beads:
    """A PSF that was measured.

    Parameters
    ----------
    psf
        Of unit sum, odd sizes.
    places
        Of the beads that it is the mean of, in pixels, (bead, axis).
    found
        How many beads there are, with those that are too near to another, or to an edge.
    """

    psf: Array
    places: Array
    found: int


def measured(image: NDArray[Any], name: str = "The image") -> Beads:
    """Return the mean image of the beads that stand alone, each brought to the middle of a pixel.

    Parameters
    ----------
    image
        Beads smaller than the resolution, (plane, row, column) or (row, column).
    name
        What to call the image in a sentence.

    Raises
    ------
    InputError
        Where no bead stands alone.

    Notes
    -----
    A bead is a maximum after smoothing by one pixel, ten standard deviations above the median. It is placed by the
    centre of mass around it, and shifted by cubic splines. The PSF reaches half way to the next bead, as the median
    has it, and to the nearer end of the stack; a bead without so much room is left out.
    """
    a = np.asarray(image, dtype=np.float64)
    smooth = ndimage.gaussian_filter(a, 1)
    middle = np.median(smooth)
    noise = 1.4826 * np.median(np.abs(smooth - middle)) + 1e-6 * np.ptp(smooth)
    peaks = (smooth == ndimage.maximum_filter(smooth, 5)) & (smooth > middle + _BRIGHT * noise)
    places = np.argwhere(peaks)
    half = _room(places, a.shape)
    alone = [
        all(reach + 1 <= c < n - reach - 1 for c, reach, n in zip(place, half, a.shape, strict=True))
        and int((np.abs(places - place) <= np.array(half)).all(1).sum()) == 1
        for place in places
    ]
    if not half or half[-1] < _LEAST or not any(alone):
        raise InputError(
            f"{name} has no bead that stands alone, of {len(places)} that were found: give an image of single beads "
            "with dark space around each of them."
        )
    centres = np.array([_refined(a, place) for place in places[alone]])
    stamps = [_stamp(a, centre, half) for centre in centres]
    return Beads(prepared(_light(np.mean(stamps, 0)), name), centres, len(places))


def _room(places: NDArray[np.int64], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return how far the PSF may reach: along the axis to the edge of the stack, across half way to the next bead."""
    if not len(places):
        return ()
    lateral = places[:, -2:]
    apart = np.abs(lateral[:, None] - lateral[None]).max(-1).astype(float)
    np.fill_diagonal(apart, np.inf)
    nearest = np.median(apart.min(1))
    edges = min(int(np.median(np.minimum(lateral, np.array(shape[-2:]) - 1 - lateral).min(1))), _WIDEST)
    across = int(min(edges - 1, (nearest - 1) // 2))
    along = [int(np.minimum(places[:, 0], shape[0] - 1 - places[:, 0]).min()) - 2] if len(shape) == 3 else []
    return (*along, across, across)


def _refined(image: Array, place: NDArray[np.int64]) -> Array:
    """Return the centre of mass around a maximum, again and again around the last one."""
    centre = place.astype(np.float64)
    offsets = np.stack(np.meshgrid(*[np.arange(-_CORE, _CORE + 1)] * image.ndim, indexing="ij"))
    for _ in range(10):
        at = offsets + centre.reshape(-1, *[1] * image.ndim)
        values = ndimage.map_coordinates(image, at, order=3, mode="nearest")
        values = (values - np.median(values)).clip(min=0)
        step = (values * offsets).reshape(image.ndim, -1).sum(1) / values.sum()
        centre = centre + step
        if np.abs(step).max() < 1e-3:
            break
    return centre


def _stamp(image: Array, centre: Array, half: tuple[int, ...]) -> Array:
    """Return the surroundings of a bead, its centre in the middle, less the background."""
    axes = [np.arange(-h, h + 1) + c for h, c in zip(half, centre, strict=True)]
    stamp = ndimage.map_coordinates(image, np.stack(np.meshgrid(*axes, indexing="ij")), order=3, mode="nearest")
    unit: Array = (stamp - _surroundings(stamp)[0]) / stamp.max()
    return unit
