"""Networks whose slope is bounded, by the norms of their layers."""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

Network = TypeVar("Network", bound=nn.Module)

_POWERS = 30  # iterations at the start; each pass in training adds one


class UnitNorm(nn.Module):
    """W / σ(W), with σ the largest singular value of W as a matrix of (output, everything else).

    σ is found by power iteration, u ∝ W v and v ∝ Wᵀ u, one a pass in training: weights move little between two.

    Parameters
    ----------
    weight
        The first W: the iteration starts from its longest row, and nothing is drawn.
    """

    u: Tensor
    v: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        matrix = weight.detach().flatten(1)
        self.register_buffer("v", F.normalize(matrix[matrix.norm(dim=1).argmax()], dim=0))
        self.register_buffer("u", F.normalize(matrix @ self.v, dim=0))
        for _ in range(_POWERS):
            self.iterate(matrix)

    @torch.no_grad()
    def iterate(self, matrix: Tensor) -> None:
        """Come nearer to the first singular vectors."""
        self.v.copy_(F.normalize(matrix.mT @ self.u, dim=0))
        self.u.copy_(F.normalize(matrix @ self.v, dim=0))

    def forward(self, weight: Tensor) -> Tensor:
        """Return W / σ(W)."""
        matrix = weight.flatten(1)
        if self.training:
            self.iterate(matrix)
        return weight / (self.u.clone() @ matrix @ self.v.clone())  # clones: later passes change the buffers


def unit_norms(network: Network) -> Network:
    """Give all linear maps and convolutions of a network, from now on, weights of norm one, and return it.

    With leaky rectifiers and maxima between them, linear maps then make a function of slope one at most, as a
    Wasserstein critic must be, and without a penalty.

    Notes
    -----
    As in the paper, the norm of a convolution is that of its kernel as a matrix: the map itself may be longer, by the
    square root of the number of pixels of the kernel at most, since so many of its patches hold one pixel.

    References
    ----------
    Miyato, Kataoka, Koyama, Yoshida, "Spectral normalization for generative adversarial networks", ICLR 2018.
    """
    for layer in list(network.modules()):
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            parametrize.register_parametrization(layer, "weight", UnitNorm(layer.weight))
    return network
