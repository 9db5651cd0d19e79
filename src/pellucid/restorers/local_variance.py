"""How wrong a J-invariant prediction is, seen from its residuals."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.restorers.base import Moments, Restorer

_FLOOR = 1e-4  # smallest variance, in standardised units
_RADIUS = {2: 8, 3: 3}  # of the window over which residuals are averaged, by number of spatial axes


class LocalVariance(Moments):
    """Adds to a J-invariant mean u the variance of x around it, v = local mean of (y - u)² - s².

    For a J-invariant u and independent noise of variance s², E(y - u)² = E(x - u)² + s² (survey eq. 14), here
    applied to a window around each pixel. With `PosteriorMean` this is the optimal mixture of Batson and Royer
    2019, made local.

    Parameters
    ----------
    model
        A J-invariant restorer.

    Raises
    ------
    InputError
        Where the noise of the measurement is not known.
    """

    def __init__(self, model: Restorer) -> None:
        super().__init__()
        self.model = model

    def explain(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return mean and variance, (batch, 2, channel, *space)."""
        if given.noise is None:
            raise InputError("How wrong a prediction is shows only where the noise is known; none came with the data.")
        mean = self.model.explain(given, rng)[:, 0]
        excess = (given.y - mean).square() - given.noise.variance(mean)
        if given.weight is None:
            return torch.stack([mean, _smooth(excess).clamp(min=_FLOOR)], 1)
        weight = given.weight.to(excess.dtype)  # a filled pixel says nothing of the error
        local = _smooth(excess * weight) / _smooth(weight).clamp(min=_FLOOR)
        return torch.stack([mean, local.clamp(min=_FLOOR)], 1)

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the period of the model."""
        return self.model.stride(dims)


def _smooth(x: Tensor) -> Tensor:
    """Return the mean over a window around each pixel, which ends at the border; x is (batch, channel, *space)."""
    dims = x.ndim - 2
    pool = F.avg_pool2d if dims == 2 else F.avg_pool3d
    r = _RADIUS[dims]
    mean: Tensor = pool(x, 2 * r + 1, 1, r, count_include_pad=False)
    return mean
