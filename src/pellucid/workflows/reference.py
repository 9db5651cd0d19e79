"""A truth, and how images are measured against it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pellucid.data.image import Image
from pellucid.metrics import psnr

_CHANGE = 0.05  # of the scale between recording and truth, which is worth a warning


class Reference:
    """A clean image of what was recorded.

    Parameters
    ----------
    noisy, clean
        Recording and truth, of one shape.
    affine
        Whether a x_hat + b is fitted to the truth first.

    Notes
    -----
    The range of the PSNR is 255 where the recording has 8 bits, and that of the truth elsewhere. The truth is taken to
    have another scale where the line recording = slope * truth + intercept says so; noise in the recording does not
    bias it.
    """

    def __init__(self, noisy: Image, clean: Image, affine: bool) -> None:
        self.image, self.affine = clean, affine
        self.values = np.asarray(clean.data[...], np.float64)
        self.range = 255.0 if noisy.dtype == np.uint8 else float(np.ptp(self.values))
        slope, intercept = np.polyfit(self.values.ravel(), np.asarray(noisy.data[...], np.float64).ravel(), 1)
        self.other_scale = abs(slope - 1) > _CHANGE or abs(intercept) > _CHANGE * self.range

    def psnr(self, image: NDArray[np.float32]) -> float:
        """Return the PSNR in decibels."""
        return psnr(image, self.values, self.range, affine=self.affine)

    @property
    def protocol(self) -> str:
        """What the PSNR is."""
        kind = "a x̂ + b, fitted to the truth," if self.affine else "x̂ as it comes"
        return f"PSNR: 10 log10({self.range:.6g}² / mean squared error) of {kind}, over the whole image."

    @property
    def warnings(self) -> tuple[str, ...]:
        """Say so where the truth has another scale than the recording."""
        if self.affine or not self.other_scale:
            return ()
        return ("The truth has another brightness or scale than the recording: compare with affine (--affine).",)
