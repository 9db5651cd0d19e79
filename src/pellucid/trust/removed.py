"""What a restoration took out of a recording, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pellucid.metrics import ByIntensity, residual_vs_intensity, whiteness
from pellucid.noise import PhotonTransfer

Array = NDArray[np.float64]

_BINS = 10
_SMOOTHING = 2.0  # pixels: bins of the image itself would sort by the noise that is left in it


@dataclass(frozen=True, kw_only=True)
class Removed:
    """The residual r = y − x_hat of an image.

    Parameters
    ----------
    lag1_y, lag1_x
        Correlation of r with itself, one pixel on along a column and along a row.
    variance_ratio
        Variance of r over that of the noise.
    with_output
        Correlation coefficient of r and x_hat.
    used
        Part of the noise's variance by which r and x_hat vary together, Σ r (x_hat − mean) / Σ s².
    by_intensity
        Mean and variance of r in bins of intensity.
    """

    lag1_y: float
    lag1_x: float
    variance_ratio: float
    with_output: float
    used: float
    by_intensity: ByIntensity

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the numbers mean."""
        return (
            f"What was removed has {self.variance_ratio:.0%} of the noise's variance: 100 % where noise alone was "
            "removed and all of it, a little less where a method rightly used each pixel's own value.",
            f"Neighbours in it have a correlation of {self.lag1_y:.2f} along Y and {self.lag1_x:.2f} along X; white "
            "noise has none.",
            f"Its correlation with the restored image is {self.with_output:.2f}. The two vary together by "
            f"{self.used:.0%} of the noise's variance: in a good result that much is due to each pixel's own noise, "
            "in a smooth one to lost detail.",
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers by name, in terms of JSON."""
        bins = self.by_intensity
        names = ("intensity", "mean", "mean_se", "ratio")
        return {
            "residual_lag1_y": self.lag1_y,
            "residual_lag1_x": self.lag1_x,
            "residual_variance_ratio": self.variance_ratio,
            "residual_with_output": self.with_output,
            "residual_used": self.used,
            "residual_by_intensity": [
                dict(zip(names, map(float, row), strict=True))
                for row in zip(*(getattr(bins, name) for name in names), strict=True)
            ],
        }


def removed(noisy: Array, restored: Array, transfer: PhotonTransfer) -> Removed:
    """Describe what was removed.

    For the mean of a posterior, x_hat = E[x | y], the residual is r = n + (x − x_hat) with x − x_hat uncorrelated with
    x_hat. So E[r (x_hat − mean)] = E[n x_hat] = s² E ∂x_hat/∂y: the weight of each pixel's own value (Stein).

    Parameters
    ----------
    noisy, restored
        In recorded units, shape (plane, row, column).
    transfer
        The noise of the recorded image.
    """
    r, variance = noisy - restored, transfer.variance_at(restored)
    centred = restored - restored.mean()
    together = float(np.mean(r * centred))
    scale = float(np.std(r) * np.std(restored))
    neighbours = whiteness(r, 1).map
    smooth = ndimage.gaussian_filter(restored, (0.0, _SMOOTHING, _SMOOTHING))
    return Removed(
        lag1_y=float(neighbours[2, 1]),
        lag1_x=float(neighbours[1, 2]),
        variance_ratio=float(np.mean(r**2) / np.mean(variance)),
        with_output=together / scale if scale > 0 else 0.0,
        used=float(together / np.mean(variance)),
        by_intensity=residual_vs_intensity(r, smooth, variance, _BINS),
    )
