"""A network that corrects its input."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """x + f(x); further outputs of f, such as a variance, pass unchanged.

    Parameters
    ----------
    network
        f, with at least as many output channels as input channels.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.stride = getattr(network, "stride", None) or ()

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channel, *space) to the network's channels."""
        out = self.network(x)
        return torch.cat([out[:, : x.shape[1]] + x, out[:, x.shape[1] :]], 1)
