"""Random numbers as a function of place: a tile draws what the whole image draws there."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pellucid._math.seeds import mix

_MIXED = (30, 0xBF58476D1CE4E5B9 - (1 << 64)), (27, 0x94D049BB133111EB - (1 << 64))  # splitmix64, in signed numbers
_STEP = 0x9E3779B97F4A7C15 - (1 << 64)
_BITS = 24  # of each of two uniform numbers


class Placed:
    """Draws standard normal numbers that depend on a seed and on where they are: the k-th field at places p is

        u = √(−2 log a) cos 2π b,   a, b = bits of h(seed, k, channel, p), uniform in (0, 1).

    Parameters
    ----------
    seed
        Another seed, other fields.
    places
        Where each pixel lies along each axis, whole numbers, shape (size,) each.

    References
    ----------
    Box, Muller, "A note on the generation of random normal deviates", Annals of Mathematical Statistics 29, 1958.
    Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014: the mixer of h.

    Examples
    --------
    >>> whole, part = Placed(7, [torch.arange(8)]), Placed(7, [torch.arange(4, 8)])
    >>> torch.equal(whole.like(torch.zeros(1, 2, 8))[..., 4:], part.like(torch.zeros(1, 2, 4)))
    True
    """

    def __init__(self, seed: int, places: Sequence[Tensor]) -> None:
        self.seed, self.places, self._fields = seed, places, 0

    def like(self, x: Tensor) -> Tensor:
        """Return the next field, shaped like x, (1, channel, *space): a coarser x has the first place of each block."""
        keys = [mix(self.seed, self._fields, channel) for channel in range(x.shape[1])]
        self._fields += 1
        h = torch.tensor(keys, device=x.device).view(1, -1, *[1] * len(self.places))
        for axis, (place, size) in enumerate(zip(self.places, x.shape[2:], strict=True), start=2):
            at = place[:: len(place) // size].to(x.device)
            h = _mixed(h + _STEP * (at.view(-1, *[1] * (x.ndim - 1 - axis)) + 1))
        a, b = ((h >> shift & (1 << _BITS) - 1).to(x.dtype) for shift in (64 - _BITS, 0))
        radius = torch.sqrt(-2 * torch.log((a + 1) / (1 << _BITS)))
        return radius * torch.cos(b * (2 * math.pi / (1 << _BITS)))


Random = torch.Generator | Placed


def normal(x: Tensor, rng: Random) -> Tensor:
    """Return standard normal numbers shaped like x."""
    if isinstance(rng, Placed):
        return rng.like(x)
    return torch.randn(x.shape, generator=rng, device=x.device, dtype=x.dtype)


def _mixed(h: Tensor) -> Tensor:
    """Return whole numbers of 64 bits, each of which depends on all bits of h."""
    for shift, factor in _MIXED:
        h = (h ^ _shifted(h, shift)) * factor
    return h ^ _shifted(h, 31)


def _shifted(h: Tensor, by: int) -> Tensor:
    """Return h shifted to the right, with zeros from the left."""
    return h >> by & (1 << 64 - by) - 1
