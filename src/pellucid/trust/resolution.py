"""How fine the detail is in which recordings agree, and what such a number does not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError
from pellucid.metrics import frc, frc_split, resolution
from pellucid.noise import Autocorrelation, PhotonTransfer

Array = NDArray[np.float64]

TWO_SHOTS = (
    "The resolution by Fourier ring correlation is the finest detail in which an image agrees with the second "
    "recording (threshold 1/7, a convention). It is not that of the object: what both recordings share, such as blur "
    "or a fixed pattern, agrees as well. It does not see that detail was weakened, and it ends where the second "
    "recording is all noise. Two restored images are never compared: what a method makes up twice would agree."
)
ONE_SHOT = (
    "The resolution of the recording alone comes from two halves of its own noise, and is that of the raw data. A "
    "restored image gets no such number: its halves would share what the method made of them, and agree everywhere."
)
RESTORED = (
    "A restored image has no resolution of its own: its halves would share what the method made of them, and agree at "
    "every detail; give the raw recording."
)


def two_shots(restored: Array, noisy: Array, second: Array) -> dict[str, float]:
    """Return the finest detail, in pixels, in which an image and its recording agree with a second recording.

    Parameters
    ----------
    restored, noisy, second
        Shape (plane, row, column); the second recording has noise of its own.
    """
    return {
        name: _finest([frc(a, b) for a, b in zip(image, second, strict=True)])
        for name, image in (("frc_pixels", restored), ("frc_pixels_noisy", noisy))
    }


def one_shot(
    noisy: Array, *, transfer: PhotonTransfer, correlation: Autocorrelation, provenance: Mapping[str, Any] | None = None
) -> float:
    """Return the finest detail, in pixels, in which two halves of a raw recording agree.

    Parameters
    ----------
    noisy
        Shape (plane, row, column).
    transfer, correlation
        Its noise.
    provenance
        What its file says of how it was made.

    Raises
    ------
    InputError
        Where the image was restored, or its noise is correlated between pixels.
    """
    if "method" in (provenance or {}):
        raise InputError(RESTORED)
    if correlation.correlated:
        raise InputError(
            "The resolution of a single recording cannot be told from noise that is correlated between pixels, as that "
            "of a filtered image is: its halves would share it; give a second recording."
        )
    rng = np.random.default_rng(0)
    line = transfer.gain * (noisy - transfer.offset) + transfer.sigma**2 if transfer.gain else transfer.floor
    variance = np.broadcast_to(line, noisy.shape)
    return _finest([frc_split(plane, s, rng) for plane, s in zip(noisy, variance, strict=True)])


def _finest(curves: list[tuple[Array, Array]]) -> float:
    return resolution(curves[0][0], np.mean([curve for _, curve in curves], axis=0))
