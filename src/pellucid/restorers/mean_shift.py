"""The likeliest image, from draws of what may have been recorded."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

_POOL: dict[int, Callable[..., Tensor]] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
_SHRINK, _ROUNDS = 0.9, 8  # the bandwidth is halved
_AT_ONCE = 2**23  # numbers of all draws of a band of the image, about


def mode(draws: Tensor, window: int = 9, bandwidth: float = 0.5) -> Tensor:
    """Return where draws are densest: the fixed point of x ← Σ_k w_k x_k / Σ_k w_k, w_k = exp(−|x_k − x|² / 2h²).

    It starts at the mean of the draws. At each pixel |·| is the distance over the window around it, and h a multiple of
    the median distance of two draws there, so that the units of the image do not matter.

    Parameters
    ----------
    draws
        Two or more, shape (draw, channel, *space).
    window
        Pixels along each axis that are compared together; odd, and less along a shorter axis.
    bandwidth
        h in median distances at first.

    Returns
    -------
    Tensor
        Shape (channel, *space).

    Notes
    -----
    The density of whole images is that of one draw only: hence windows. As in the reference the bandwidth shrinks by a
    tenth a round, to about a half: what starts wide finds the larger mode, and ends there. Departures: windows around
    every pixel, not tiles, so that there are no seams; a bandwidth in units of the draws, not of grey levels. Bands of
    the image, each with all that its pixels depend on, come one after another, so that memory stays small.

    References
    ----------
    Comaniciu, Meer, "Mean shift: a robust approach toward feature space analysis", IEEE Transactions on Pattern
    Analysis and Machine Intelligence 24, 2002.
    Prakash, Krull, Jug, "Fully unsupervised diversity denoising with convolutional variational autoencoders", ICLR
    2021.

    Examples
    --------
    >>> round(mode(torch.tensor([0.0, 5.0, 5.2, 0.2, 5.1]).view(5, 1, 1, 1)).item(), 2)
    5.1
    """
    axis = max(range(2, draws.ndim), key=lambda axis: draws.shape[axis])
    size, reach = draws.shape[axis], _ROUNDS * (window // 2)
    step, bands = max(2 * reach, _AT_ONCE * size // draws.numel()), []
    for start in range(0, size, step):
        low, high = max(start - reach, 0), min(start + step + reach, size)
        band = _densest(draws.narrow(axis, low, high - low), window, bandwidth)
        bands.append(band.narrow(axis - 1, start - low, min(step, size - start)))
    return torch.cat(bands, axis - 1)


def _densest(draws: Tensor, window: int, bandwidth: float) -> Tensor:
    """Return the mode of draws, all at once."""
    pool = _POOL[draws.ndim - 2]
    sides = [min(window, n - 1 + n % 2) for n in draws.shape[2:]]

    def distance(difference: Tensor) -> Tensor:
        square = difference.square().mean(1, keepdim=True)
        return pool(square, sides, 1, [n // 2 for n in sides], count_include_pad=False)

    usual = distance(draws - draws.roll(1, 0)).median(0).values.clamp(min=torch.finfo(draws.dtype).tiny)
    image = draws.mean(0)
    for index in range(_ROUNDS):
        h2 = (bandwidth * _SHRINK**index) ** 2 * usual
        image = (torch.softmax(-distance(draws - image) / (2 * h2), 0) * draws).sum(0)
    return image
