"""Critics: one number for an image, or one for each of its patches. No normalisation couples the samples of a batch."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

_CONV = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_POOL = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}


class PatchCritic(nn.Sequential):
    """Convolutions of width four whose outputs each judge a patch: the PatchGAN of pix2pix, without its norms.

    Parameters
    ----------
    channels
        Of the input.
    dims
        2 or 3 spatial axes.
    features
        Of the first convolution; each that halves the image has twice as many, up to eight times.
    halvings
        How often the image is halved: 1, 2, 3, 4 see patches of 16, 34, 70, 142 pixels.

    References
    ----------
    Isola, Zhu, Zhou, Efros, "Image-to-image translation with conditional adversarial networks", CVPR 2017.
    """

    def __init__(self, channels: int, *, dims: int = 2, features: int = 64, halvings: int = 3) -> None:
        widths = [channels] + [features * min(2**k, 8) for k in range(halvings + 1)]
        layers: list[nn.Module] = []
        for k, (inputs, outputs) in enumerate(pairwise(widths)):
            stride = 2 if k < halvings else 1
            layers += [_CONV[dims](inputs, outputs, 4, stride=stride, padding=1), nn.LeakyReLU(0.2)]
        super().__init__(*layers, _CONV[dims](widths[-1], 1, 4, padding=1))
        self.least = 4 * 2**halvings


class ImageCritic(nn.Module):
    """Convolutions of width three, each followed by a maximum over two pixels, then two linear maps: one number.

    Parameters
    ----------
    channels
        Of the input.
    size
        Of the image along each axis, which it must have.
    features
        Of the first convolution; each next one has twice as many.
    hidden
        Between the two linear maps.

    References
    ----------
    Gupta, McCann, Donati, Unser, "CryoGAN: a new reconstruction paradigm for single-particle cryo-EM via deep
    adversarial learning", IEEE Transactions on Computational Imaging 7, 2021.
    """

    def __init__(self, channels: int, size: tuple[int, ...], *, features: int = 16, hidden: int = 10) -> None:
        super().__init__()
        dims, levels = len(size), max(1, min(size).bit_length() - 3)
        layers: list[nn.Module] = []
        for k in range(levels):
            inputs = channels if k == 0 else features << (k - 1)
            layers += [_CONV[dims](inputs, features << k, 3, padding=1), _POOL[dims](2), nn.LeakyReLU(0.1)]
        self.features = nn.Sequential(*layers)
        left = (features << (levels - 1)) * torch.Size(n >> levels for n in size).numel()
        self.head = nn.Sequential(nn.Linear(left, hidden), nn.LeakyReLU(0.1), nn.Linear(hidden, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channel, *space) to (batch, 1)."""
        value: Tensor = self.head(self.features(x).flatten(1))
        return value
