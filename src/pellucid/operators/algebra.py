"""Operators made of operators: several measurements of one image, and sums."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pellucid.errors import InputError
from pellucid.operators.base import LinearOperator, Rows, Shape


class Several(LinearOperator):
    """Linear operators that see one image; `Stack` and `Sum` say what becomes of their measurements."""

    def __init__(self, operators: Sequence[LinearOperator]) -> None:
        super().__init__()
        if not operators:
            raise InputError(f"A {type(self).__name__} needs at least one operator, but got none; give some.")
        self.operators = nn.ModuleList(operators)
        self.in_shape = _agreed([each.in_shape for each in operators], "take")
        self.real_linear = any(each.real_linear for each in operators)

    def each(self) -> list[LinearOperator]:
        """Return the operators."""
        return [operator for operator in self.operators if isinstance(operator, LinearOperator)]

    def __getitem__(self, rows: Rows) -> Several:
        """Return the same of some entries of the batch."""
        return type(self)([operator[rows] for operator in self.each()])

    def crop(self, region: tuple[slice, ...]) -> Several:
        """Return the same of a part of the image."""
        cropped = [operator.crop(region) for operator in self.each()]
        return type(self)([operator for operator in cropped if isinstance(operator, LinearOperator)])


class Stack(Several):
    """H x = (H_1 x, H_2 x, …), one after the other along the channel axis: several measurements of one image.

    Measurements that differ in their space do not fit into one tensor.

    Parameters
    ----------
    operators
        Their measurements share the space. All give the same number of channels, or each states its own.

    Raises
    ------
    InputError
        If there are none, or their shapes do not agree.

    Examples
    --------
    >>> from pellucid.operators import Identity
    >>> Stack([Identity(), Identity()])(torch.ones(1, 1, 4)).shape
    torch.Size([1, 2, 4])
    """

    def __init__(self, operators: Sequence[LinearOperator]) -> None:
        super().__init__(operators)
        space = _agreed([each.out_shape[1:] for each in operators], "give")
        counts = [each.out_shape[0] for each in operators if each.out_shape and each.out_shape[0]]
        self.channels = counts if len(counts) == len(operators) else None
        self.out_shape = (sum(counts) if self.channels else None, *space) if space else ()

    def forward(self, x: Tensor) -> Tensor:
        """Return all measurements of x, (batch, channels of the first and of the second and so on, *space)."""
        return torch.cat([operator(x) for operator in self.each()], 1)

    def adjoint(self, y: Tensor) -> Tensor:
        """Return the sum of what the adjoints make of their parts of y."""
        parts = torch.split(y, self.channels or [y.shape[1] // len(self.operators)] * len(self.operators), 1)
        return _sum([operator.adjoint(part) for operator, part in zip(self.each(), parts, strict=True)])

    def normal(self, x: Tensor) -> Tensor:
        """Return Σ H_i* H_i x."""
        return _sum([operator.normal(x) for operator in self.each()])


class Sum(Several):
    """H x = H_1 x + H_2 x + …

    Parameters
    ----------
    operators
        They give measurements of one shape.

    Raises
    ------
    InputError
        If there are none, or their shapes do not agree.

    Examples
    --------
    >>> from pellucid.operators import Identity
    >>> Sum([Identity(), Identity()])(torch.ones(1, 1, 2)).tolist()
    [[[2.0, 2.0]]]
    """

    def __init__(self, operators: Sequence[LinearOperator]) -> None:
        super().__init__(operators)
        self.out_shape = _agreed([each.out_shape for each in operators], "give")

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of all measurements of x."""
        return _sum([operator(x) for operator in self.each()])

    def adjoint(self, y: Tensor) -> Tensor:
        """Return the sum of what the adjoints make of y."""
        return _sum([operator.adjoint(y) for operator in self.each()])


def _sum(images: Sequence[Tensor]) -> Tensor:
    total = images[0]
    for image in images[1:]:
        total = total + image
    return total


def _agreed(shapes: Sequence[Shape], verb: str) -> Shape:
    """Return the shape that all agree with; an axis that one leaves open is as long as the others say."""
    stated = [shape for shape in shapes if shape]
    agreed = []
    for lengths in zip(*stated, strict=len({len(shape) for shape in stated}) < 2):
        known = {length for length in lengths if length is not None}
        if len(known) > 1:
            break
        agreed.append(known.pop() if known else None)
    if stated and len(agreed) < max(map(len, stated)):
        raise InputError(
            f"Operators that are put together {verb} one shape, but these {verb} {' and '.join(map(str, stated))}; "
            "keep them apart."
        )
    return tuple(agreed)
