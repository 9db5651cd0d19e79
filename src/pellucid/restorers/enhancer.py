"""A network between the data and the image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.data.measurement import Measurement
from pellucid.restorers.base import Moments

_FLOOR = 1e-4  # smallest predicted variance, in standardised units


class Enhancer(Moments):
    """F(y): a network applied to the data, channel count kept.

    Parameters
    ----------
    network
        Maps (batch, channel, *space) to (batch, moments * channel, *space). A network that pools has an
        attribute `stride`, its period along each spatial axis.
    moments
        1: the network predicts a mean. 2: a mean and the variance of the noiseless value around it.
    """

    def __init__(self, network: nn.Module, moments: int = 1) -> None:
        super().__init__()
        self.network, self.moments = network, moments

    def explain(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the predicted moments, (batch, moments, channel, *space)."""
        out: Tensor = self.network(given.y).unflatten(1, (self.moments, -1))
        if self.moments == 1:
            return out
        mean, raw = out.unbind(1)
        return torch.stack([mean, F.softplus(raw) + _FLOOR], 1)

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the stride of the network; one where it has none."""
        return tuple(getattr(self.network, "stride", None) or super().stride(dims))
