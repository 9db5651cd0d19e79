"""Larger pixels: binning on the camera, and down-sampling without aliasing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor

from pellucid.errors import InputError
from pellucid.operators.base import LinearOperator


class Binning(LinearOperator):
    """Each pixel is the sum over a block of smaller ones, as a camera adds up charges; what is left over is lost.

    Parameters
    ----------
    factors
        Length of a block along each spatial axis.

    Raises
    ------
    InputError
        If a factor is not positive; when called, if the sides of x are no multiples of them.

    Examples
    --------
    >>> Binning([2])(torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])).tolist()
    [[[3.0, 7.0]]]
    """

    def __init__(self, factors: Sequence[int]) -> None:
        super().__init__()
        self.factors = _checked(factors)
        self.in_shape = self.out_shape = (None,) * (1 + len(factors))

    def forward(self, x: Tensor) -> Tensor:
        """Add up the blocks of x, (batch, channel, *space)."""
        space = tuple(x.shape[2:])
        if len(space) != len(self.factors) or any(n % f for n, f in zip(space, self.factors, strict=True)):
            raise InputError(f"Blocks of {self.factors} do not fill an image {space}; crop it to multiples of them.")
        split = chain.from_iterable((n // f, f) for n, f in zip(space, self.factors, strict=True))
        return x.reshape(*x.shape[:2], *split).sum(tuple(range(3, 3 + 2 * len(space), 2)))

    def adjoint(self, y: Tensor) -> Tensor:
        """Give every pixel of a block the value of its sum."""
        for axis, factor in enumerate(self.factors, start=2):
            y = y.repeat_interleave(factor, axis)
        return y

    def crop(self, region: tuple[slice, ...]) -> Binning:
        """Return this operator: it acts on every block alike."""
        if any((part.start or 0) % f for part, f in zip(region, self.factors, strict=True)):
            raise InputError(f"A tile of a binned image starts at a multiple of {self.factors}, but this is {region}.")
        return self


class Downsampling(LinearOperator):
    """Fewer pixels, each a cubic average wide enough not to alias: Keys' kernel, stretched by the factor.

    Output pixel i lies in the middle of the input pixels i f … (i + 1) f - 1; beyond the edges no pixels count.

    Parameters
    ----------
    space
        Length of each spatial axis of x.
    factors
        By which it is divided, rounding down.

    Raises
    ------
    InputError
        If a factor is not positive or larger than its axis.

    References
    ----------
    Keys, "Cubic convolution interpolation for digital image processing", IEEE Transactions on Acoustics, Speech, and
    Signal Processing 29 (1981), with a = -1/2.

    Examples
    --------
    >>> Downsampling([8, 8], [2, 2])(torch.ones(1, 1, 8, 8)).shape
    torch.Size([1, 1, 4, 4])
    """

    def __init__(self, space: Sequence[int], factors: Sequence[int]) -> None:
        super().__init__()
        self.factors = _checked(factors)
        if len(space) != len(factors) or any(f > n for n, f in zip(space, factors, strict=True)):
            raise InputError(f"Factors {self.factors} do not divide an image {tuple(space)}; give one an axis.")
        for axis, (n, factor) in enumerate(zip(space, factors, strict=True)):
            self.register_buffer(f"matrix{axis}", _cubic(n, factor), persistent=False)
        self.in_shape = (None, *space)
        self.out_shape = (None, *(n // f for n, f in zip(space, factors, strict=True)))

    def forward(self, x: Tensor) -> Tensor:
        """Average x, (batch, channel, *space)."""
        for axis, matrix in enumerate(self._matrices(), start=2):
            x = torch.movedim(torch.movedim(x, axis, -1) @ matrix.to(x.dtype).mT, -1, axis)
        return x

    def adjoint(self, y: Tensor) -> Tensor:
        """Apply the transposed averages."""
        for axis, matrix in enumerate(self._matrices(), start=2):
            y = torch.movedim(torch.movedim(y, axis, -1) @ matrix.to(y.dtype), -1, axis)
        return y

    def _matrices(self) -> list[Tensor]:
        return [self.get_buffer(f"matrix{axis}") for axis in range(len(self.factors))]


def _checked(factors: Sequence[int]) -> tuple[int, ...]:
    if any(factor < 1 for factor in factors):
        raise InputError(f"Factors are positive whole numbers, but these are {tuple(factors)}.")
    return tuple(factors)


def _cubic(length: int, factor: int) -> Tensor:
    """Return the weights of the input pixels for each output pixel, (output, input), of unit sum."""
    centre = (torch.arange(length // factor, dtype=torch.float64)[:, None] + 0.5) * factor - 0.5
    t = (torch.arange(length) - centre).abs() / factor
    near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    weight = torch.where(t < 1, near, torch.where(t < 2, far, 0.0))
    return weight / weight.sum(1, keepdim=True)
