"""Two recordings of one object: whether they are, whether it moved, and whether one is brighter."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import numpy.fft as fft
from numpy.typing import NDArray
from scipy.signal.windows import tukey

from pellucid.data.image import ArrayLike, Image
from pellucid.errors import InputError

_PLANES, _SIDE = 24, 512  # that are compared; pixels along an axis
_LOWEST = 2  # cycles along an image: below lie uneven light and drift
_FAR = 1 / 8  # of the image: largest shift that is looked for
_CHANCE = 1e-4  # that unrelated images are taken for related ones
_TAPER = 0.5  # of each axis
_WINDOWED = 1.8  # coefficients that the taper makes one of, in the plane: (mean of w⁴ / (mean of w²)²)²
_LEAST = 0.05  # correlation of a band in which the object shows
_PLAIN = 0.4  # correlation of all that is finer than uneven light, at which two images need no test of chance
_STILL = 0.5  # pixels
_ALIKE = 0.1  # difference of brightness that is left as it is, in parts of the contrast
_SLAB = 8  # planes of a volume that are averaged

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """What two recordings have in common, in the band of spatial frequencies where that is surest.

    Parameters
    ----------
    correlation
        Of the band, after the shift is undone: 1 for the same image, about 0 for unrelated ones.
    sure
        That correlation in multiples of what chance exceeds, at any shift, once in ten thousand trials.
    shift
        How far the second lies from the first, in pixels (row, column).
    doubt
        Standard error of the shift.
    plain
        Correlation of the two images as they lie, without uneven light.
    """

    correlation: float
    sure: float
    shift: tuple[float, float]
    doubt: float
    plain: float = 0.0

    @property
    def same(self) -> bool:
        """Whether both show the same object."""
        return self.plain > _PLAIN or bool(self.sure > 1 and self.correlation > _LEAST)

    @property
    def moved(self) -> bool:
        """Whether the object moved between them."""
        return self.same and max(map(abs, self.shift)) > max(_STILL, 4 * self.doubt)


def agreement(first: Array, second: Array) -> Agreement:
    """Compare two recordings, (plane, row, column), by the phases of their Fourier coefficients A and B.

    Over a band of N spatial frequencies k the correlation at a shift s is

        c(s) = Σ_k cos(arg(A̅_k B_k) + 2π k·s) / N,

    for unrelated images a random walk of standard deviation 1/√N. Of all octaves, of all bands from the lowest
    frequency on, and of all shifts up to an eighth of the image the surest one counts: so two halves of a cryo-EM
    exposure, whose noise drowns the object at all but the lowest frequencies, agree as two photographs do.
    The shift is that of the band that knows it best.

    Notes
    -----
    Phases alone, since a few bright spots would otherwise decide; only images that agree as they lie need no such test,
    such as a lattice, of which few coefficients tell anything. Planes fall off to zero at their edges, which leaves
    one independent coefficient in 1.8; and below two cycles an image all images of an instrument are alike.

    References
    ----------
    Kuglin, Hines, "The phase correlation image alignment method", 1975.
    Saxton, Baumeister, "The correlation averaging of a regularly arranged bacterial cell envelope protein", Journal
    of Microscopy 127, 1982.
    """
    rows, columns = first.shape[-2:]
    window = np.outer(tukey(rows, _TAPER), tukey(columns, _TAPER))
    a, b = (fft.fft2((x - x.mean((-2, -1), keepdims=True)) * window) for x in (first, second))
    phases = np.exp(1j * (np.angle(b) - np.angle(a))).sum(0)
    radius = np.hypot(fft.fftfreq(rows)[:, None], fft.fftfreq(columns))
    found, edge, least = [], 0.5, _LOWEST / min(rows, columns)
    while edge >= 2 * least:
        for inner in (edge / 2, least):
            band = (radius <= edge) & (radius > inner)
            found.append(_peak(np.where(band, phases, 0), float(len(a) * band.sum()), edge / 2))
        edge /= 2
    best = max(found, key=lambda band: band.sure)
    finest = min((band for band in found if band.same), key=lambda band: band.doubt, default=best)
    a, b = (x * (radius > least) for x in (a, b))
    plain = (a * b.conj()).real.sum() / max(float((abs(a) ** 2).sum() * (abs(b) ** 2).sum()) ** 0.5, 1e-300)
    return replace(best, shift=finest.shift, doubt=finest.doubt, plain=float(plain))


def _peak(phases: NDArray[np.complex128], count: float, frequency: float) -> Agreement:
    """Return the agreement of one band of `count` phases, at the shift where they agree best."""
    surface = fft.ifft2(phases).real * phases.size / count
    near = [abs(fft.fftfreq(n)) <= _FAR for n in surface.shape]
    surface[~np.outer(*near)] = 0
    top = np.unravel_index(surface.argmax(), surface.shape)
    height = float(surface[top])
    count /= _WINDOWED
    deviations = height * count**0.5
    row, column = (_summit(np.take(surface, top[1 - axis], 1 - axis), int(top[axis])) for axis in (0, 1))
    return Agreement(
        correlation=height,
        sure=deviations / (2 * np.log(count / _CHANCE)) ** 0.5,
        shift=(row, column),
        doubt=1 / (2 * np.pi * frequency * deviations),
    )


def _summit(line: Array, top: int) -> float:
    """Return where the parabola through a maximum and its neighbours is highest, on a periodic line."""
    n = len(line)
    left, middle, right = (line[(top + step) % n] for step in (-1, 0, 1))
    bend = left - 2 * middle + right
    return (top + n // 2) % n - n // 2 + (float((left - right) / (2 * bend)) if bend < 0 else 0.0)


def matched(image: Image, pair: Image, *, truth: bool = False) -> Image:
    """Return the second recording of an object, brought to the brightness of the first; a `truth` is taken at its word.

    Parameters
    ----------
    image, pair
        Of one shape. Some planes of each are compared.

    Returns
    -------
    Image
        The pair; where its contrast or its zero differs by more than a tenth of the contrast, in the numbers of the
        first, and a warning says so.

    Raises
    ------
    InputError
        Where the shapes differ, the two do not show the same object, or it moved by more than half a pixel.
    """
    if (pair.shape, pair.axes) != (image.shape, image.axes):
        raise InputError(
            f"Pairs must match: {image.name} is {image.axes} {image.shape}, but {pair.name} is {pair.axes} "
            f"{pair.shape}; give the second recording of the same object in the same order."
        )
    if truth:
        return pair
    a, b = planes_of(image), planes_of(pair)
    same_scene(a, b, f"{image.name} and its pair {pair.name}", "check the order of --pairs")
    slope, offset = _brightness(a, b)
    if (slope, offset) == (1.0, 0.0):
        return pair
    warnings.warn(
        f"{pair.name} is brighter or darker than {image.name}: it was brought to its scale, as {slope:.3g} times its "
        f"numbers {'+' if offset >= 0 else '-'} {abs(offset):.4g}.",
        stacklevel=2,
    )
    return pair.with_data(_Scaled(pair.data, slope, offset))


def same_scene(a: Array, b: Array, names: str, otherwise: str, *, still: bool = True) -> None:
    """Refuse recordings, (plane, row, column), that do not show the same object, `still` at the same place.

    Raises
    ------
    InputError
        With the correlation, or the shift.
    """
    if min(a.shape[-2:]) < 4 * _LOWEST:
        return
    found = agreement(a, b)
    if not found.same:
        raise InputError(
            f"{names} do not show the same object (correlation {max(found.correlation, 0):.2f} at best, no more than "
            f"chance explains); {otherwise}."
        )
    if still and found.moved:
        row, column = found.shift
        raise InputError(
            f"{names} show the object at different places, {row:+.1f} pixels along Y and {column:+.1f} along X apart: "
            "align them first, since what differs between recordings is taken for noise."
        )


def planes_of(image: Image, **fixed: int) -> Array:
    """Return the middle of some planes spread over an image, of volumes the mean of some neighbouring planes.

    `fixed` are the places along axes, by letter, to which the choice is confined.
    """
    axes = [axis for axis in image.axes[:-2] if axis not in fixed]
    steps = [_SLAB if axis == "Z" else 1 for axis in axes]
    corners = product(*(range(0, max(image.size(a) - s, 0) + 1, s) for a, s in zip(axes, steps, strict=True)))
    places = [dict(zip(axes, corner, strict=True)) for corner in corners]
    middle = {
        a: slice((n - min(n, _SIDE)) // 2, (n + min(n, _SIDE)) // 2)
        for a, n in zip("YX", image.shape[-2:], strict=True)
    }
    found = []
    for place in places[:: -(-len(places) // _PLANES)]:
        at: dict[str, Any] = fixed | place | middle
        at |= {"Z": slice(at["Z"], at["Z"] + _SLAB)} if "Z" in place else {}
        block = np.asarray(image.data[tuple(at[a] for a in image.axes)], np.float64)
        found.append(block.mean(0) if "Z" in place else block)
    return np.stack(found)


def _middle(n: int) -> slice:
    return slice((n - min(n, _SIDE)) // 2, (n + min(n, _SIDE)) // 2)


def _brightness(a: Array, b: Array) -> tuple[float, float]:
    """Return slope and offset that bring b to the scale of a; (1, 0) where they are alike.

    The slope is cov(a, b₊) / cov(b, b₊), with b₊ the pixels two further on: unlike a regression, which noise flattens,
    it compares what neighbours have in common, and noise has nothing. Its standard error is that of quarters.
    """
    parts = np.stack([x.reshape(-1) for x in (a[..., :-2], b[..., :-2], b[..., 2:])])
    quarters = np.array([np.cov(part) for part in np.array_split(parts, 4, 1)])
    both, own = quarters.mean(0)[[0, 1], 2]
    contrast = max(own, 0.0) ** 0.5
    doubt = (quarters[:, 0, 2] / quarters[:, 1, 2]).std(ddof=1) / 2
    clear = own > 0.01 * quarters.mean(0)[1, 1] and both > 0
    slope = both / own if clear and abs(both / own - 1) > max(_ALIKE, 4 * doubt) else 1.0
    offset = a.mean() - slope * b.mean()
    error = (a - slope * b).std() / a.size**0.5
    alike = slope == 1 and abs(offset) < max(_ALIKE * contrast, 4 * error)
    return (1.0, 0.0) if alike else (float(slope), float(offset))


class _Scaled:
    """Numbers times a slope, plus an offset."""

    def __init__(self, source: ArrayLike, slope: float, offset: float) -> None:
        self.source, self.slope, self.offset = source, slope, offset
        self.shape, self.dtype = tuple(source.shape), np.dtype(np.float32)

    def __getitem__(self, region: Any) -> Any:
        return (np.asarray(self.source[region], np.float64) * self.slope + self.offset).astype(np.float32)
