"""Convolutions of images with hidden pixels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.networks.dropout import Dropout

_CONV = {2: nn.Conv2d, 3: nn.Conv3d}
_CONVOLVE = {2: F.conv2d, 3: F.conv3d}
_MAX = {2: F.max_pool2d, 3: F.max_pool3d}


class PartialConv(nn.Module):
    """A convolution of size 3 that reads visible pixels only, renormalised by their share of the window.

    x'_i = W (m ⊙ x)_i · Σ 1 / Σ m + b and m'_i = 1 where the window of i holds a visible pixel; both zero elsewhere
    (Liu et al. 2018, equations 1 and 2). What lies beyond the border counts in neither sum, so that this is a plain
    convolution where all pixels are visible.

    Parameters
    ----------
    channels, features
        In and out.
    dims
        2 or 3 spatial axes.

    References
    ----------
    Liu, Reda, Shih, Wang, Tao, Catanzaro, "Image inpainting for irregular holes using partial convolutions", ECCV 2018.
    """

    def __init__(self, channels: int, features: int, dims: int = 2) -> None:
        super().__init__()
        self.dims = dims
        self.conv = _CONV[dims](channels, features, 3, padding=1)

    def forward(self, x: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        """Return (x', m') for x, (batch, channels, *space), and m, (batch, 1 or channels, *space)."""
        convolve = _CONVOLVE[self.dims]
        ones = visible.new_ones(1, visible.shape[1], *[3] * self.dims)
        share = convolve(visible, ones, padding=1) / convolve(torch.ones_like(visible[:1]), ones, padding=1)
        total = convolve(x.masked_fill(visible == 0, 0.0), self.conv.weight, padding=1)
        seen = (share > 0).to(x.dtype)
        assert self.conv.bias is not None
        bias = self.conv.bias.view(-1, *[1] * self.dims)
        return (total / share.where(share > 0, 1.0) + bias) * seen, seen


class PartialUNet(nn.Module):
    """The U-Net of Self2Self: partial convolutions down, dropout before each convolution up.

    Parameters
    ----------
    channels
        Of the image, which is also what comes out.
    dims
        2 or 3 spatial axes.
    features
        Of the encoder at every level; the decoder has twice as many, and 4/3 and 2/3 at the finest level.
    depth
        How often the image is pooled.
    dropout
        Chance of an entry to be dropped.
    pool
        Pooling factor along each axis, 1 or 2. Default 2.

    References
    ----------
    Quan, Chen, Pang, Ji, "Self2Self with dropout: learning self-supervised denoising from single image", CVPR 2020.
    """

    def __init__(
        self,
        channels: int,
        *,
        dims: int = 2,
        features: int = 48,
        depth: int = 5,
        dropout: float = 0.3,
        pool: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.dims, self.depth = dims, depth
        self.pool = tuple(pool or [2] * dims)
        self.dropout = Dropout(dropout)
        self.first = PartialConv(channels, features, dims)
        self.down = nn.ModuleList(PartialConv(features, features, dims) for _ in range(depth + 1))
        wide, fine = 2 * features, (4 * features // 3, 2 * features // 3)
        conv = _CONV[dims]
        self.up = nn.ModuleList()
        for level in reversed(range(depth)):
            below = features if level == depth - 1 else wide
            skip = features if level else channels
            one, two = (wide, wide) if level else fine
            convs = conv(below + skip, one, 3, padding=1), conv(one, two, 3, padding=1)
            self.up.append(nn.ModuleList(convs))
        self.last = conv(fine[1], channels, 3, padding=1)

    @property
    def stride(self) -> tuple[int, ...]:
        """Sizes are multiples of this along each axis; the response to a shift repeats after it."""
        return tuple(p**self.depth for p in self.pool)

    def forward(self, x: Tensor, visible: Tensor, rng: torch.Generator | None) -> Tensor:
        """Map x, (batch, channels, *space), of which `visible` is 1 or 0, to an image; without `rng` no dropout."""
        skips = [x.masked_fill(visible == 0, 0.0)]
        x, visible = self._seen(self.first, x, visible)
        for level, down in enumerate(self.down):
            x, visible = self._seen(down, x, visible)
            if level < self.depth:
                x, visible = (_MAX[self.dims](part, self.pool) for part in (x, visible))
                skips.append(x)
        skips.pop()
        for convs in self.up:
            x = F.interpolate(x, scale_factor=tuple(map(float, self.pool)))
            x = torch.cat([x, skips.pop()], 1)
            for conv in convs:  # type: ignore[attr-defined]
                x = F.leaky_relu(conv(self.dropout(x, rng)), 0.1)
        # the last layer adds many features into one value: full precision keeps its rounding invisible
        with torch.autocast(x.device.type, enabled=False):
            image: Tensor = self.last(self.dropout(x, rng).to(self.last.weight.dtype))
        return image

    def _seen(self, layer: nn.Module, x: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features that a layer makes of visible pixels, and where it saw any."""
        x, visible = layer(x, visible)
        return F.leaky_relu(x, 0.1), visible
