"""F: what turns a measurement into an image."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from pellucid.data.measurement import Measurement


class Restorer(nn.Module, ABC):
    """Turns a measurement (y, H) into an image x_hat."""

    @abstractmethod
    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the image, shape (batch, channel, *space)."""

    def explain(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return what the objective compares: the image, unless a restorer has more to say."""
        image: Tensor = self(given, rng)
        return image

    def spread(self, given: Measurement) -> Tensor | None:
        """Return the marginal standard deviation of the image, or None where there is none."""
        return None
