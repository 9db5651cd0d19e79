"""The network of the deep image prior: down, up, and narrow ways across."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_CONV = {2: nn.Conv2d, 3: nn.Conv3d}
_NORM = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}
_LINEAR = {2: "bilinear", 3: "trilinear"}


class Hourglass(nn.Module):
    """Strided convolutions down, linear interpolation up, a few features across at every level.

    Parameters
    ----------
    channels
        Numbers of input and output channels.
    dims
        2 or 3 spatial axes.
    features
        At every level.
    skips
        Features that pass from each level of the encoder to that of the decoder.
    depth
        Levels.
    pool
        Stride along each axis, 1 or 2. Default 2.

    Notes
    -----
    Features are normalised over the image, which for one image is the batch normalisation of the paper. So every pixel
    depends on the whole image. Sizes must be multiples of `stride`, at least twice as much.

    References
    ----------
    Ulyanov, Vedaldi, Lempitsky, "Deep image prior", CVPR 2018.
    """

    def __init__(
        self,
        channels: tuple[int, int],
        *,
        dims: int = 2,
        features: int = 128,
        skips: int = 4,
        depth: int = 5,
        pool: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.pool, self.mode = tuple(pool or [2] * dims), _LINEAR[dims]
        inputs = [channels[0]] + [features] * (depth - 1)
        self.down = nn.ModuleList(
            nn.Sequential(_layer(dims, n, features, 3, self.pool), _layer(dims, features, features, 3)) for n in inputs
        )
        self.across = nn.ModuleList(_layer(dims, n, skips, 1) for n in inputs)
        self.up = nn.ModuleList(
            nn.Sequential(_layer(dims, features + skips, features, 3), _layer(dims, features, features, 1))
            for _ in inputs
        )
        self.last = _CONV[dims](features, channels[1], 1)

    @property
    def stride(self) -> tuple[int, ...]:
        """Sizes are multiples of this along each axis."""
        return tuple(p ** len(self.down) for p in self.pool)

    def forward(self, z: Tensor) -> Tensor:
        """Map (batch, channels[0], *space) to (batch, channels[1], *space)."""
        skips = []
        for down, across in zip(self.down, self.across, strict=True):
            skips.append(across(z))
            z = down(z)
        for up in self.up:
            z = F.interpolate(z, scale_factor=tuple(map(float, self.pool)), mode=self.mode)
            z = up(torch.cat([z, skips.pop()], 1))
        image: Tensor = self.last(z)
        return image


def _layer(dims: int, first: int, last: int, size: int, stride: tuple[int, ...] | int = 1) -> nn.Sequential:
    """Return a convolution, a normalisation and a leaky ReLU."""
    conv = _CONV[dims](first, last, size, stride=stride, padding=size // 2)  # type: ignore[arg-type]
    return nn.Sequential(conv, _NORM[dims](last, affine=True), nn.LeakyReLU(0.1, inplace=True))
