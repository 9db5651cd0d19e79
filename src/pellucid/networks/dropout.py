"""Dropout that says where its randomness comes from."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Sets entries to zero at random and divides the others by the chance to stay, so that the mean is kept.

    Parameters
    ----------
    share
        Chance of an entry to be dropped.

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout: a simple way to prevent neural networks from
    overfitting", Journal of Machine Learning Research 15, 2014.

    Examples
    --------
    >>> Dropout(0.5)(torch.ones(4), torch.Generator().manual_seed(0)).unique().tolist()
    [0.0, 2.0]
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor, rng: torch.Generator | None) -> Tensor:
        """Return x with entries dropped, in training and after it; None drops nothing."""
        if rng is None:
            return x
        kept = torch.rand(x.shape, generator=rng, device=x.device) >= self.share
        return x * (kept / (1 - self.share)).to(x.dtype)  # a product, so that NaN stays NaN
