"""Transparency is no measurement."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.errors import InputError


def without_alpha(pixels: np.ndarray[Any, Any], axis: int, name: str) -> np.ndarray[Any, Any]:
    """Drop the last sample of each pixel, its opacity, where it says nothing.

    Parameters
    ----------
    pixels
        Image whose samples, opacity last, lie along `axis`.
    axis
        Not negative.
    name
        The file's name, for errors.

    Raises
    ------
    InputError
        If the opacity varies over the image.
    """
    colours, alpha = np.split(pixels, [-1], axis)
    if alpha.size and np.any(alpha != alpha.flat[0]):
        raise InputError(f"{name} has a transparency (alpha) channel that varies; save the image without it.")
    return colours
