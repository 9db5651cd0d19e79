"""Fully convolutional halves of an autoencoder: nothing bypasses the code between them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_CONV = {2: nn.Conv2d, 3: nn.Conv3d}
_MEAN = {2: F.avg_pool2d, 3: F.avg_pool3d}


class Encoder(nn.Module):
    """Two convolutions a level, then the mean over `pool` pixels; as many features more at each level.

    Parameters
    ----------
    channels
        Numbers of input and output channels; the outputs are at the coarsest level.
    dims
        2 or 3 spatial axes.
    features, depth
        At the first level, and how often the image is pooled.
    pool
        Pooling factor along each axis; default 2.
    """

    def __init__(
        self,
        channels: tuple[int, int],
        *,
        dims: int = 2,
        features: int = 32,
        depth: int = 2,
        pool: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.dims, self.pool = dims, tuple(pool or [2] * dims)
        widths = [features << level for level in range(depth)]
        starts = [channels[0], *widths[:-1]]
        self.levels = nn.ModuleList(_pair(dims, a, b) for a, b in zip(starts, widths, strict=True))
        self.last = _CONV[dims](widths[-1], channels[1], 3, padding=1)
        self.stride = tuple(p**depth for p in self.pool)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channels[0], *space) to (batch, channels[1], *space / stride)."""
        for level in self.levels:
            x = _MEAN[self.dims](level(x), self.pool)
        out: Tensor = self.last(x)
        return out


class Decoder(nn.Module):
    """The way back of an `Encoder`: nearest neighbours, then two convolutions a level."""

    def __init__(
        self,
        channels: tuple[int, int],
        *,
        dims: int = 2,
        features: int = 32,
        depth: int = 2,
        pool: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.pool = tuple(pool or [2] * dims)
        widths = [features << level for level in reversed(range(depth))]
        starts = [channels[0], *widths[:-1]]
        self.levels = nn.ModuleList(_pair(dims, a, b) for a, b in zip(starts, widths, strict=True))
        self.last = _CONV[dims](widths[-1], channels[1], 1)

    def forward(self, z: Tensor) -> Tensor:
        """Map (batch, channels[0], *coarse) to (batch, channels[1], *coarse * stride)."""
        for level in self.levels:
            z = level(F.interpolate(z, scale_factor=tuple(map(float, self.pool))))
        with torch.autocast(z.device.type, enabled=False):
            out: Tensor = self.last(z.to(self.last.weight.dtype))
        return out


def _pair(dims: int, inputs: int, outputs: int) -> nn.Sequential:
    conv = _CONV[dims]
    return nn.Sequential(
        conv(inputs, outputs, 3, padding=1),
        nn.LeakyReLU(0.1, inplace=True),
        conv(outputs, outputs, 3, padding=1),
        nn.LeakyReLU(0.1, inplace=True),
    )
