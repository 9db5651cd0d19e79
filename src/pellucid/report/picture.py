"""Planes of numbers as pictures: one window for all that are compared, PNG as text."""

from __future__ import annotations

import base64
import math

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from pellucid.report.evidence import Values

Bytes = NDArray[np.uint8]
Window = tuple[float, float]

SIDE = 1024
"""Longest side of a picture in pixels; larger planes are cropped: shrinking would average the noise away."""

DIVERGING = ((18, 58, 110), (94, 148, 196), (245, 245, 242), (222, 142, 76), (124, 52, 8))
"""Blue, white, orange: distinct with any kind of colour vision."""
SEQUENTIAL = ((8, 8, 24), (62, 38, 110), (160, 62, 110), (232, 134, 84), (252, 236, 180))
"""Dark to light, with lightness that only rises."""


def centre(plane: Values, side: int = SIDE) -> NDArray[np.float64]:
    """Return the middle of `plane`, shape (row, column), at most `side` pixels wide and high."""
    top, left = (max(length - side, 0) // 2 for length in plane.shape)
    return np.asarray(plane[top : top + side, left : left + side], np.float64)


def window(*planes: Values) -> Window:
    """Return the range that holds all but half a percent of the values of all `planes` at each end."""
    values = np.concatenate([plane[np.isfinite(plane)] for plane in planes])
    low, high = np.percentile(values, (0.5, 99.5)) if values.size else (0.0, 1.0)
    return float(low), float(high if high > low else low + 1)


def symmetric(plane: Values) -> Window:
    """Return the range about zero that holds 99 % of the values of `plane`."""
    values = np.abs(plane[np.isfinite(plane)])
    high = float(np.percentile(values, 99)) if values.size else 0.0
    return -(high or 1.0), high or 1.0


def grey(plane: Values, limits: Window) -> Bytes:
    """Return `plane` as greys 0 to 255: black at or below the window, white at or above it.

    Examples
    --------
    >>> grey(np.array([[-1.0, 0.0, 5.0, 10.0, 11.0]]), (0.0, 10.0)).tolist()
    [[0, 0, 128, 255, 255]]
    """
    low, high = limits
    share = (np.asarray(plane, np.float64) - low) / (high - low)
    greys: Bytes = np.rint(255 * np.nan_to_num(share, nan=0.0).clip(0, 1)).astype(np.uint8)
    return greys


def colour(plane: Values, limits: Window, stops: tuple[tuple[int, int, int], ...]) -> Bytes:
    """Return `plane` as colours, shape (row, column, 3), with `stops` evenly spaced over the window."""
    at = np.linspace(0, 255, len(stops))
    table = np.stack([np.interp(np.arange(256), at, channel) for channel in zip(*stops, strict=True)], axis=-1)
    picture: Bytes = np.rint(table).astype(np.uint8)[grey(plane, limits)]
    return picture


def png(pixels: Bytes) -> bytes:
    """Return `pixels`, shape (row, column) or (row, column, 3), as a PNG file."""
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), level=7))


def data_uri(pixels: Bytes) -> str:
    """Return `pixels` as the address of an image that holds its own bytes."""
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode()


def scale_bar(columns: int, pixel_size: float | None) -> tuple[float, float] | None:
    """Return a round length near a fifth of the width, and its share of the width; None for a size of no use.

    Examples
    --------
    >>> scale_bar(512, 0.1)
    (10.0, 0.1953125)
    """
    width = columns * (pixel_size or 0.0)
    if not 0 < width < math.inf:
        return None
    step = 10.0 ** math.floor(math.log10(width / 4))
    length = next(step * k for k in (5, 2, 1) if step * k <= width / 4)
    return length, length / width
