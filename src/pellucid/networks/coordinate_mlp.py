"""A network that gives the value of an image at any place: the image is a function of the coordinates."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CoordinateMLP(nn.Module):
    """g(r, z): waves of the place r and the code z are added up, then linear maps and SiLU lead to the channels.

    Parameters
    ----------
    code
        Length of z.
    channels
        Of the image.
    dims
        Length of r, whose entries are of order one.
    features
        Of each layer.
    layers
        Between the first and the last.
    waves
        cos and sin of 2π k · r are taken at so many random frequencies k ~ N(0, bandwidth²).
    bandwidth
        Cycles per unit of r: what is much finer is learned late, or not at all.

    References
    ----------
    Tancik et al., "Fourier features let networks learn high frequency functions in low dimensional domains", NeurIPS
    2020.
    """

    frequencies: Tensor

    def __init__(
        self,
        code: int,
        channels: int,
        *,
        dims: int = 2,
        features: int = 128,
        layers: int = 2,
        waves: int = 32,
        bandwidth: float = 1.0,
    ) -> None:
        super().__init__()
        self.bandwidth = bandwidth
        self.register_buffer("frequencies", torch.zeros(dims, waves))
        self.place = nn.Linear(dims + 2 * waves, features)
        self.code = nn.Linear(code, features, bias=False)
        self.hidden = nn.ModuleList(nn.Linear(features, features) for _ in range(layers))
        self.last = nn.Linear(features, channels)

    def start(self, rng: torch.Generator) -> None:
        """Draw the frequencies."""
        self.frequencies.normal_(0, self.bandwidth, generator=rng)

    def forward(self, r: Tensor, z: Tensor) -> Tensor:
        """Map places (batch, place, dims) and codes (batch, code) to (batch, place, channel)."""
        phase = 2 * math.pi * (r @ self.frequencies)
        state = F.silu(self.place(torch.cat([r, phase.cos(), phase.sin()], -1)) + self.code(z)[:, None])
        for layer in self.hidden:
            state = F.silu(layer(state))
        values: Tensor = self.last(state)
        return values
