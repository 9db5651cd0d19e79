"""A U-Net that is told a number."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.networks.unet import UNet

_WIDTH = 64  # of the layers that see the number


class ModulatedUNet(UNet):
    """A U-Net whose features are scaled and shifted by functions of a number: h ← (1 + a(t)) h + b(t).

    So after every convolution but the last; a and b are the outputs of one perceptron. What must grow with t, as the
    threshold of a denoiser with the noise, is a product, which a channel that holds t would not give.

    Parameters
    ----------
    channels
        Numbers of input and output channels.
    dims
        2 or 3 spatial axes.
    features, depth
        As in `UNet`, here with the finest skip, and without blurred pooling.

    References
    ----------
    Perez, Strub, de Vries, Dumoulin, Courville, "FiLM: visual reasoning with a general conditioning layer", AAAI 2018.

    Examples
    --------
    >>> ModulatedUNet((2, 2), features=4)(torch.zeros(3, 2, 8, 8), torch.zeros(3, 1)).shape
    torch.Size([3, 2, 8, 8])
    """

    def __init__(self, channels: tuple[int, int], *, dims: int = 2, features: int = 32, depth: int = 2) -> None:
        super().__init__(channels, dims=dims, features=features, depth=depth, blur_pool=False, top_skip=True)
        blocks = (*self.down, self.bottom, *self.up)
        self.sizes = [2 * block[k].out_channels for block in blocks for k in (0, 2)]
        self.told = nn.Sequential(
            *(nn.Linear(1, _WIDTH), nn.LeakyReLU(0.1), nn.Linear(_WIDTH, _WIDTH), nn.LeakyReLU(0.1)),
            nn.Linear(_WIDTH, sum(self.sizes)),
        )

    def forward(self, x: Tensor, number: Tensor) -> Tensor:  # type: ignore[override]
        """Map (batch, channels[0], *space) to (batch, channels[1], *space), by a number for each image, (batch, 1)."""
        told = iter(self.told(number).view(len(number), -1, *[1] * self.dims).split(self.sizes, 1))
        if self.dims == 2:
            x = x.contiguous(memory_format=torch.channels_last)  # nearly twice as fast on a CPU
        skips = []
        for down in self.down:
            x = _block(down, x, told)
            skips.append(x)
            x = self._pool(x)
        x = _block(self.bottom, x, told)
        for skip, up in zip(reversed(skips), self.up, strict=True):
            x = F.interpolate(x, scale_factor=tuple(map(float, self.pool)))
            x = _block(up, torch.cat([x, skip], 1), told)
        with torch.autocast(x.device.type, enabled=False):
            image: Tensor = self.last(x.to(self.last.weight.dtype))
        return image


def _block(pair: nn.Module, x: Tensor, told: Iterator[Tensor]) -> Tensor:
    """Return what a pair of convolutions makes of x, each followed by what is told and its activation."""
    one, bend, other, again = pair.children()
    for convolution, activation in ((one, bend), (other, again)):
        scale, shift = next(told).chunk(2, 1)
        x = activation(convolution(x) * (1 + scale) + shift)
    return x
