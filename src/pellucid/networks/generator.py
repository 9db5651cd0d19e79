"""A network that makes an image of a vector."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_CONV = {2: nn.Conv2d, 3: nn.Conv3d}


class Synthesis(nn.Module):
    """A linear map to a small image; then, until it is large enough: nearest-neighbour enlargement and a convolution.

    Enlarged so, no pixel is painted more often than its neighbour, as by transposed convolutions. No normalisation
    couples the samples of a batch.

    Parameters
    ----------
    code
        Length of the vector.
    channels
        Of the image.
    size
        Of the image along each of 2 or 3 axes.
    features
        At full size; twice as many at each smaller one.

    References
    ----------
    Odena, Dumoulin, Olah, "Deconvolution and checkerboard artifacts", Distill 2016.

    Examples
    --------
    >>> Synthesis(8, 1, (16, 20))(torch.zeros(3, 8)).shape
    torch.Size([3, 1, 16, 20])
    """

    def __init__(self, code: int, channels: int, size: Sequence[int], *, features: int = 32) -> None:
        super().__init__()
        conv = _CONV[len(size)]
        levels = max(1, min(size).bit_length() - 3)
        self.sizes = [tuple(-(-n // 2**k) for n in size) for k in reversed(range(levels + 1))]
        widths = [features << k for k in reversed(range(levels + 1))]
        self.first = nn.Linear(code, widths[0] * torch.Size(self.sizes[0]).numel())
        self.convs = nn.ModuleList(conv(a, b, 3, padding=1) for a, b in pairwise(widths))
        self.last = conv(features, channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """Map (batch, code) to (batch, channel, *space)."""
        x = F.leaky_relu(self.first(z), 0.1).view(len(z), -1, *self.sizes[0])
        for conv, size in zip(self.convs, self.sizes[1:], strict=True):
            x = F.leaky_relu(conv(F.interpolate(x, size)), 0.1)
        image: Tensor = self.last(x)
        return image
