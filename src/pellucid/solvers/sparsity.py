"""Sparsity in an orthonormal basis: wavelets and cosines."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from types import EllipsisType

import torch
from torch import Tensor

from pellucid.errors import InputError
from pellucid.solvers.priors import Prior, shrink, total

Where = tuple[EllipsisType | slice, ...]
"""A part of an array, the spatial axes last."""


class Sparsity(Prior):
    """R(x) = ‖details of Wx‖₁ with an orthonormal W, whose proximal map shrinks the details."""

    @abstractmethod
    def analyse(self, x: Tensor) -> Tensor:
        """Return the coefficients W x, shaped like x, (batch, channel, *space)."""

    @abstractmethod
    def synthesise(self, coefficients: Tensor) -> Tensor:
        """Return W* of coefficients."""

    @abstractmethod
    def coarse(self, space: tuple[int, ...]) -> Where:
        """Return where the coefficients lie that cost nothing: the coarsest approximation."""

    def value(self, x: Tensor) -> Tensor:
        """Return the sum of the moduli of the details."""
        coefficients = self.analyse(x)
        free = coefficients[self.coarse(tuple(x.shape[2:]))]
        return total(coefficients.abs()) - total(free.abs())

    def prox(self, v: Tensor, strength: Tensor) -> Tensor:
        """Return W* of the shrunk details."""
        coefficients = self.analyse(v)
        shrunk = shrink(coefficients, strength)
        where = self.coarse(tuple(v.shape[2:]))
        shrunk[where] = coefficients[where]
        return self.synthesise(shrunk)


@dataclass(frozen=True)
class Wavelet(Sparsity):
    """Sparsity of an orthogonal wavelet transform, periodic at the borders.

    Coefficients lie as Mallat drew them: along each axis the coarse half first. Of an odd number of entries the last
    goes to the coarse half as it is, which keeps the transform orthonormal for every size.

    Parameters
    ----------
    name
        Of an orthogonal wavelet in PyWavelets, such as ``haar``, ``db4``, ``sym4``.
    levels
        At most; an axis shorter than the filter is halved no further.

    Raises
    ------
    InputError
        Where there is no such orthogonal wavelet.

    References
    ----------
    Mallat, "A theory for multiresolution signal decomposition: the wavelet representation", 1989.
    Daubechies, "Orthonormal bases of compactly supported wavelets", 1988.
    """

    name: str = "db4"
    levels: int = 4

    def __post_init__(self) -> None:
        """Check the name."""
        _filters(self.name)

    def analyse(self, x: Tensor) -> Tensor:
        """Return the wavelet transform."""
        x = x.clone()
        for block, axes in self._levels(tuple(x.shape[2:])):
            part = x[block]
            for axis in axes:
                part = self._split(part.movedim(axis, -1)).movedim(-1, axis)
            x[block] = part
        return x

    def synthesise(self, coefficients: Tensor) -> Tensor:
        """Return the inverse transform, which is the adjoint."""
        x = coefficients.clone()
        for block, axes in reversed(self._levels(tuple(x.shape[2:]))):
            part = x[block]
            for axis in axes:
                part = self._join(part.movedim(axis, -1)).movedim(-1, axis)
            x[block] = part
        return x

    def coarse(self, space: tuple[int, ...]) -> Where:
        """Return where the coarsest approximation lies."""
        return _block(self._sizes(space)[-1])

    def _sizes(self, space: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Return the size of the coarse part before and after every level."""
        sizes = [space]
        for _ in range(self.levels):
            sizes.append(tuple(-(-n // 2) if n >= len(_filters(self.name)[0]) else n for n in sizes[-1]))
        return sizes

    def _levels(self, space: tuple[int, ...]) -> list[tuple[Where, list[int]]]:
        """Return, of every level, the part of the array that is split, and along which axes, counted from behind."""
        sizes = self._sizes(space)
        return [
            (_block(before), [a for a in range(-len(space), 0) if after[a] < before[a]])
            for before, after in pairwise(sizes)
        ]

    def _split(self, x: Tensor) -> Tensor:
        """Return coarse and fine halves of the last axis."""
        taps, places = self._taps(x)
        halves = (x[..., places] @ taps).movedim(-1, -2).flatten(-2)
        return halves if x.shape[-1] % 2 == 0 else torch.cat(_with_last(halves, x), -1)

    def _join(self, halves: Tensor) -> Tensor:
        """Return the axis that was split."""
        n = halves.shape[-1] // 2
        coarse, odd, fine = halves[..., :n], halves[..., n : halves.shape[-1] - n], halves[..., halves.shape[-1] - n :]
        taps, places = self._taps(halves)
        spread = torch.stack([coarse, fine], -1) @ taps.mT
        x = torch.zeros_like(halves[..., : 2 * n])
        return torch.cat([x.index_add(-1, places.flatten(), spread.flatten(-2)), odd], -1)

    def _taps(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return low and high pass, (tap, 2), and the entries that each pair of coefficients reads, (pair, tap)."""
        taps = torch.tensor(_filters(self.name), dtype=x.dtype, device=x.device).mT
        pairs = x.shape[-1] // 2
        start = 2 * torch.arange(pairs, device=x.device)[:, None] - (len(taps) // 2 - 1)
        return taps, (start + torch.arange(len(taps), device=x.device)) % (2 * pairs)


def _block(sizes: tuple[int, ...]) -> Where:
    """Return the first entries along each axis."""
    return (..., *(slice(0, n) for n in sizes))


def _with_last(halves: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return coarse half, last entry of x, fine half."""
    coarse, fine = halves.tensor_split(2, -1)
    return coarse, x[..., -1:], fine


@cache
def _filters(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return low and high pass of an orthogonal wavelet."""
    import pywt

    if name not in pywt.wavelist(kind="discrete") or not pywt.Wavelet(name).orthogonal:
        raise InputError(
            f"{name} is no orthogonal wavelet: choose haar, db2 to db38, sym2 to sym20 or coif1 to coif17."
        )
    wavelet = pywt.Wavelet(name)
    return tuple(wavelet.rec_lo), tuple(wavelet.rec_hi)  # inner products with these are PyWavelets' coefficients


@dataclass(frozen=True)
class Cosine(Sparsity):
    """Sparsity of the orthonormal discrete cosine transform (type II) along all axes; the mean costs nothing.

    References
    ----------
    Ahmed, Natarajan, Rao, "Discrete cosine transform", 1974.
    """

    def analyse(self, x: Tensor) -> Tensor:
        """Return the cosine transform."""
        for axis in range(2, x.ndim):
            x = (x.movedim(axis, -1) @ _cosines(x.shape[axis], x).mT).movedim(-1, axis)
        return x

    def synthesise(self, coefficients: Tensor) -> Tensor:
        """Return the inverse transform, which is the adjoint."""
        x = coefficients
        for axis in range(2, x.ndim):
            x = (x.movedim(axis, -1) @ _cosines(x.shape[axis], x)).movedim(-1, axis)
        return x

    def coarse(self, space: tuple[int, ...]) -> Where:
        """Return where the mean lies."""
        return _block((1,) * len(space))


def _cosines(n: int, like: Tensor) -> Tensor:
    """Return the orthonormal basis of n cosines as rows."""
    place, frequency = torch.arange(n, dtype=torch.float64), torch.arange(n, dtype=torch.float64)[:, None]
    basis = math.sqrt(2 / n) * torch.cos(math.pi / n * (place + 0.5) * frequency)
    basis[0] /= math.sqrt(2)
    return basis.to(like.dtype).to(like.device)
