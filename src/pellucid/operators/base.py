"""H: what the instrument does to a noiseless object."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

Shape = tuple[int | None, ...]
"""(channel, *space), no batch axis; None marks an axis of any length."""


class Operator(nn.Module, ABC):
    """A differentiable, deterministic map from image space to measurement space."""

    in_shape: Shape
    out_shape: Shape
    real_linear: bool = False

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Apply H to x, shape (batch, channel, *space)."""
