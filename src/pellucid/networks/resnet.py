"""The residual network of learned proximal steps: no pooling, no normalisation, no biases."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_CONV = {2: nn.Conv2d, 3: nn.Conv3d}
_LAYOUT = {2: torch.channels_last, 3: torch.channels_last_3d}  # a third faster where there are few features
_SCALE = 0.1  # of what a block adds
_SPREAD = 0.05  # standard deviation of the first weights


class ResNet(nn.Module):
    """Convolutions of width three: one in, n blocks x + 0.1 conv(ReLU(conv(x))), one more, a long skip, one out.

    Parameters
    ----------
    channels
        Of input and output.
    dims
        2 or 3 spatial axes.
    features, blocks
        Width and number of the blocks.
    tied
        Whether the two convolutions of a block share their weights.

    References
    ----------
    Timofte et al., "NTIRE 2017 challenge on single image super-resolution", CVPRW 2017; Yaman et al., MRM 84, 2020.

    Examples
    --------
    >>> sum(p.numel() for p in ResNet(2, tied=True).parameters()), sum(p.numel() for p in ResNet(2).parameters())
    (592128, 1145088)
    """

    def __init__(
        self, channels: int, *, dims: int = 2, features: int = 64, blocks: int = 15, tied: bool = False
    ) -> None:
        super().__init__()

        def conv(inputs: int, outputs: int) -> nn.Module:
            made: nn.Module = _CONV[dims](inputs, outputs, 3, padding=1, bias=False)
            return made

        self.first, self.last = conv(channels, features), conv(features, channels)
        self.joined = conv(features, features)
        self.inner = nn.ModuleList(conv(features, features) for _ in range(blocks))
        self.outer = self.inner if tied else nn.ModuleList(conv(features, features) for _ in range(blocks))

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channel, *space) to the same shape."""
        start = h = self.first(x.contiguous(memory_format=_LAYOUT[x.ndim - 2]))
        for inner, outer in zip(self.inner, self.outer, strict=True):
            h = torch.add(h, outer(F.relu(inner(h), inplace=True)), alpha=_SCALE)
        out: Tensor = self.last(self.joined(h) + start)
        return out

    def initialise(self, rng: torch.Generator) -> ResNet:
        """Draw all weights from N(0, 0.05²), as SSDU does."""
        with torch.no_grad():
            for weight in self.parameters():
                weight.copy_(_SPREAD * torch.randn(weight.shape, generator=rng))
        return self
