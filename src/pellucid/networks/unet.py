"""The U-Net of the blind-spot papers, in two and three dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_CONV = {2: nn.Conv2d, 3: nn.Conv3d}
_MAX = {2: F.max_pool2d, 3: F.max_pool3d}
_MEAN = {2: F.avg_pool2d, 3: F.avg_pool3d}


class UNet(nn.Module):
    """A U-Net with two convolutions a level and no normalisation layer.

    Parameters
    ----------
    channels
        Numbers of input and output channels.
    dims
        2 or 3 spatial axes.
    features
        Features after the first convolution; each level below has twice as many.
    depth
        How often the image is pooled.
    blur_pool
        Pool without aliasing: maximum at stride 1, then the binomial filter [1 2 1] at stride 2 (N2V2).
    top_skip
        Whether the finest features bypass the lower levels; N2V2 leaves this out.
    pool
        Pooling factor along each axis, 1 or 2; 1 along an axis of few or thick planes. Default 2.

    Notes
    -----
    Sizes must be multiples of `stride`, the pooling factors to the power `depth`; `restore` pads and crops.

    References
    ----------
    Krull et al., "Noise2Void", CVPR 2019; Höck et al., "N2V2", arXiv 2211.08512.

    Examples
    --------
    >>> net = UNet((1, 1), dims=2, features=32, blur_pool=False, top_skip=True)
    >>> sum(p.numel() for p in net.parameters())
    332641
    """

    def __init__(
        self,
        channels: tuple[int, int],
        *,
        dims: int = 2,
        features: int = 32,
        depth: int = 2,
        blur_pool: bool = True,
        top_skip: bool = False,
        pool: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.dims, self.depth, self.blur_pool, self.top_skip = dims, depth, blur_pool, top_skip
        self.pool = tuple(pool or [2] * dims)
        width = [features * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(
            _pair(dims, channels[0] if level == 0 else width[level - 1], width[level], width[level])
            for level in range(depth)
        )
        self.bottom = _pair(dims, width[depth - 1], width[depth], width[depth - 1])
        self.up = nn.ModuleList(
            _pair(
                dims,
                width[level] * (2 if level > 0 or top_skip else 1),
                width[level],
                width[max(level - 1, 0)],
            )
            for level in reversed(range(depth))
        )
        self.last = _CONV[dims](features, channels[1], 1)

    @property
    def stride(self) -> tuple[int, ...]:
        """Sizes are multiples of this along each axis; the response to a shift repeats after it."""
        return tuple(p**self.depth for p in self.pool)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channels[0], *space) to (batch, channels[1], *space)."""
        skips = []
        for down in self.down:
            x = down(x)
            skips.append(x)
            x = self._pool(x)
        x = self.bottom(x)
        for level, up in zip(reversed(range(self.depth)), self.up, strict=True):
            x = F.interpolate(x, scale_factor=tuple(map(float, self.pool)))
            if level > 0 or self.top_skip:
                x = torch.cat([x, skips[level]], 1)
            x = up(x)
        # the last layer adds many features into one value: full precision keeps its rounding invisible
        with torch.autocast(x.device.type, enabled=False):
            image: Tensor = self.last(x.to(self.last.weight.dtype))
        return image

    def _pool(self, x: Tensor) -> Tensor:
        """Halve the axes that are pooled."""
        if not self.blur_pool:
            return _MAX[self.dims](x, self.pool)
        ahead = [n for p in reversed(self.pool) for n in (0, p - 1)]
        x = _MAX[self.dims](F.pad(x, ahead, value=-torch.inf), self.pool, stride=1)
        # [1 2 1] / 4 at stride 2 is a pair of two-point means, the second at stride 2
        before = [n for p in reversed(self.pool) for n in (p - 1, 0)]
        x = _MEAN[self.dims](F.pad(x, before, mode="replicate"), self.pool, stride=1)
        return _MEAN[self.dims](x, self.pool)


def _pair(dims: int, first: int, middle: int, last: int) -> nn.Sequential:
    """Return two convolutions of size 3, each with a leaky ReLU."""
    conv = _CONV[dims]
    return nn.Sequential(
        conv(first, middle, 3, padding=1),
        nn.LeakyReLU(0.1, inplace=True),
        conv(middle, last, 3, padding=1),
        nn.LeakyReLU(0.1, inplace=True),
    )


def initialise(network: nn.Module, rng: torch.Generator) -> nn.Module:
    """Draw the weights of all convolutions and linear maps for leaky ReLU of slope 0.1, and return the network.

    References
    ----------
    He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015, equation 15.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, a=0.1, generator=rng)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network
