"""How much more than a tile must be read to restore it as a part of the whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pellucid._math.regions import up_to_multiple

_ACROSS = 16  # pixels of a strip across: room for a wide kernel
_LONGEST = 1024  # pixels of a strip; what spoils half of it counts as spoiling everything


def halo(function: Callable[[Tensor], Tensor], stride: Sequence[int], *, like: Tensor) -> tuple[int, ...] | None:
    """Return how deep a cut spoils the answer along each axis, or None where it spoils all of it.

    What lies beyond the two ends of a strip is set to NaN, for one stride, so that pixels of every phase are
    there; the depth to which the answer is NaN is what a tile must read more and throw away. Nothing else needs
    to be tried, since tiles are cut at multiples of the stride only.

    Parameters
    ----------
    function
        Maps (1, channel, *space) to (1, ..., *space); NaN in gives NaN out, as in sums, maxima and medians.
    stride
        Period of the function along each spatial axis.
    like
        Data as the function takes them: any (channel, ...) of their type, on their device.

    Examples
    --------
    >>> halo(torch.nn.Conv2d(1, 1, (3, 7), padding=(1, 3)), (1, 1), like=torch.zeros(1))
    (1, 3)
    >>> halo(lambda y: y - y.mean(), (1, 1), like=torch.zeros(1)) is None
    True
    """
    depths = [_depth(function, stride, axis, like) for axis in range(len(stride))]
    return None if None in depths else tuple(depth for depth in depths if depth is not None)


@torch.no_grad()
def _depth(function: Callable[[Tensor], Tensor], stride: Sequence[int], axis: int, like: Tensor) -> int | None:
    """Return the depth along one axis, a multiple of its stride."""
    period, length = stride[axis], up_to_multiple(32, stride[axis])
    while length <= _LONGEST:
        size = [up_to_multiple(_ACROSS, s) for s in stride]
        size[axis] = length
        strip = like.new_zeros(1, len(like), *size)
        for end in (0, length - period):
            strip.narrow(2 + axis, end, period).fill_(torch.nan)
        # a convolution by transforms would spread NaN over all that it transforms at once
        with torch.backends.cudnn.flags(enabled=False):
            nan = function(strip).isnan()
        spoilt = nan.movedim(nan.ndim - len(stride) + axis, 0).flatten(1).any(1)
        deep = (spoilt | spoilt.flip(0))[: length // 2].nonzero().flatten().tolist()
        if deep and deep[-1] + 1 < length // 2:
            return up_to_multiple(max(deep[-1] + 1 - period, 0), period)
        length *= 2
    return None
