"""Recordings that follow one another in one file, as the pairs that Noise2Noise learns from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data.image import ArrayLike, Image
from pellucid.data.io.regions import slices
from pellucid.data.prepare.pairs import matched, planes_of, same_scene
from pellucid.errors import InputError

INTERLEAVED = "interleaved"
_BIN = 4  # pixels a side that are averaged before frames are compared
_DROP = 0.4  # of the usual correlation of frames that follow one another: a cut
_SPREADS = 6.0  # times its usual spread that a correlation falls at a cut

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Takes:
    """What a method learns from, and what it then restores.

    Parameters
    ----------
    learned
        An image, or two recordings of it.
    image, second
        What is restored: an image by itself, or two recordings into one image.
    """

    learned: tuple[Image, ...]
    image: Image
    second: Image | None = None


def takes(image: Image, repeats: str) -> Takes:
    """Make a pair of recordings of one file.

    Parameters
    ----------
    image
        Read from it.
    repeats
        An axis, such as ``T``, along which one still scene was recorded again and again: the mean of the even and the
        mean of the odd ones become the pair, and one image without this axis is restored from both.
        ``interleaved``: the frames along T are a movie, and each shows nearly what the next one shows: the even ones
        are paired with the odd ones, and every frame is restored by itself.

    Raises
    ------
    InputError
        Where there is no such axis, the scene moved or changes, or frames have nothing in common.

    Notes
    -----
    The even and odd frames of a movie are the pairs of DeepCAD; each frame is restored from that frame alone. What
    moves by more than its own size from frame to frame is taken for noise. Restored from halves, a still scene keeps
    all its light, and the halves have less noise than single frames, which is what the network then meets.

    References
    ----------
    Buchholz, Jordan, Pigino, Jug, "Cryo-CARE: content-aware image restoration for cryo-transmission electron
    microscopy data", ISBI 2019.
    Li et al., "Reinforcing neuron extraction and spike inference in calcium imaging using deep self-supervised
    denoising", Nature Methods 18, 2021 (DeepCAD).
    """
    axis = "T" if repeats == INTERLEAVED else repeats
    if axis not in image.axes or axis in "CYX" or image.size(axis) < 2:
        along = " or ".join(a for a in image.axes if a not in "CYX" and image.size(a) > 1)
        known = f"give --repeats {along}" if along else "it holds one image"
        raise InputError(
            f"{image.name} is {image.axes} {image.shape}, and has no repeats along {axis or 'no axis'}: {known}."
        )
    _without_cut(image, axis)
    count = image.size(axis)
    if repeats == INTERLEAVED:
        even, odd = (image.with_data(_Every(image.data, image.axes.index(axis), start)) for start in (0, 1))
        names = f"Neighbouring frames of {image.name}"
        same_scene(planes_of(even), planes_of(odd), names, "give no --repeats", still=False)
        return Takes(learned=(even, odd), image=image)
    early, late = (planes_of(_mean(image, axis, part)) for part in (range(count // 2), range(count // 2, count)))
    same_scene(early, late, f"The first and the last images of {image.name} along {axis}", "give no --repeats")
    first = _mean(image, axis, range(0, count, 2))
    second = matched(first, _mean(image, axis, range(1, count, 2)))
    return Takes(learned=(first, second), image=first, second=second)


def _without_cut(image: Image, axis: str) -> None:
    """Refuse images along an axis among which the scene changes, by the fall of their correlation there."""
    before, seen = _small(image, axis, 0), []
    for place in range(1, image.size(axis)):
        here = _small(image, axis, place)
        seen.append(float((before * here).mean()))
        before = here
    usual = float(np.median(seen))
    spread = 1.4826 * float(np.median(np.abs(np.array(seen) - usual)))
    place = int(np.argmin(seen))
    if len(seen) > 2 and usual - seen[place] > max(_DROP * usual, _SPREADS * spread, 4 / before.size**0.5):
        raise InputError(
            f"{image.name} shows another scene from {axis} {place + 1} (counted from 0) on: the correlation with the "
            f"image before is {seen[place]:.2f} there, and {usual:.2f} elsewhere; split it there, or leave it out."
        )


def _small(image: Image, axis: str, place: int) -> Array:
    """Return the middle of an image at a place, binned, with zero mean and unit variance."""
    x = planes_of(image, **{axis: place})[0]
    rows, columns = (n // _BIN * _BIN for n in x.shape)
    x = x[:rows, :columns].reshape(rows // _BIN, _BIN, columns // _BIN, _BIN).mean((1, 3))
    return np.asarray((x - x.mean()) / max(float(x.std()), 1e-300))


def _mean(image: Image, axis: str, places: range) -> Image:
    """Return the mean of some of the images along an axis, without that axis."""
    at, total = image.axes.index(axis), None
    for place in places:
        part = np.asarray(image.data[(*[slice(None)] * at, place)], np.float64)
        total = part if total is None else total + part
    assert total is not None
    return replace(
        image,
        data=(total / len(places)).astype(np.float32),
        axes=image.axes.replace(axis, ""),
        scale={a: size for a, size in image.scale.items() if a != axis},
        units={a: unit for a, unit in image.units.items() if a != axis},
    )


class _Every:
    """Every second image along an axis."""

    def __init__(self, source: ArrayLike, axis: int, start: int) -> None:
        self.source, self.axis, self.start = source, axis, start
        self.shape = tuple(n // 2 if k == axis else n for k, n in enumerate(source.shape))
        self.dtype = np.dtype(source.dtype)

    def __getitem__(self, region: Any) -> Any:
        wanted, taken = slices(region, self.shape)
        part = wanted[self.axis]
        inside = [*wanted]
        inside[self.axis] = slice(self.start + 2 * part.start, self.start + 2 * part.stop - 1, 2 * part.step)
        return self.source[tuple(inside)][tuple(0 if k in taken else slice(None) for k in range(len(wanted)))]
