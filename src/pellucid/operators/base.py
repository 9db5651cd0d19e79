"""H: what the instrument does to a noiseless object."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pellucid.errors import InputError

Shape = tuple[int | None, ...]
"""(channel, *space), no batch axis; None marks an axis of any length, () leaves even their number open."""

Rows = int | slice | Tensor
"""Which entries of a batch: an index (the batch axis stays, of length 1), a slice, or a tensor of indices."""


class Operator(nn.Module, ABC):
    """A differentiable, deterministic map from image space to measurement space.

    Parameters of an operator (masks, coil maps, poses) carry a batch axis of length 1 or B. Calling an
    operator never changes it.
    """

    in_shape: Shape = ()
    out_shape: Shape = ()
    real_linear: bool = False
    __iter__ = None  # indexing picks rows of a batch; without this line Python would take it for a sequence

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Apply H to x, shape (batch, channel, *space)."""

    @abstractmethod
    def backproject(self, y: Tensor) -> Tensor:
        """Return a cheap first image from y: where restoration starts."""

    @property
    def acquired(self) -> Tensor | None:
        """Which entries of y are measured, bool, broadcastable to y; None where all of them are."""
        return None

    def linearize(self, x: Tensor) -> LinearOperator:
        """Return the Jacobian of H at x."""
        return Jacobian(self, x)

    def __matmul__(self, inner: Operator) -> Operator:
        """Return the operator that applies `inner` first, then this one."""
        if isinstance(self, LinearOperator) and isinstance(inner, LinearOperator):
            return LinearComposition(self, inner)
        return Composition(self, inner)

    def restrict(self, keep: Tensor) -> Operator:
        """Return the operator that measures only where `keep` is not zero, `Sampling(keep) @ self`."""
        from pellucid.operators.elementary import Sampling

        return Sampling(keep) @ self

    def crop(self, region: tuple[slice, ...]) -> Operator:
        """Return the operator of a part of the image, one slice a spatial axis.

        Raises
        ------
        InputError
            Where every measurement depends on the whole image.
        """
        raise InputError(
            f"Tiles and patches need an operator that acts locally, but {type(self).__name__} sees the whole "
            "image; restore the image in one piece."
        )

    def __getitem__(self, rows: Rows) -> Operator:
        """Return the operator of some entries of the batch; itself where no parameter varies over it."""
        return self


class LinearOperator(Operator):
    """An operator with H(a x + b u) = a H x + b H u; over the reals only where `real_linear` is set."""

    def linearize(self, x: Tensor) -> LinearOperator:
        """Return this operator: it is its own Jacobian."""
        return self

    def backproject(self, y: Tensor) -> Tensor:
        """Return H* y; override where a better cheap inverse exists."""
        return self.adjoint(y)

    def adjoint(self, y: Tensor) -> Tensor:
        """Return H* y, with <H x, y> = <x, H* y>, by automatic differentiation.

        An axis that `in_shape` leaves open has the length of the same axis of `y`. The result is real where
        the operator is linear over the reals only. It can be differentiated again.
        """
        shape = tuple(n or m for n, m in zip(self.in_shape or y.shape[1:], y.shape[1:], strict=True))
        dtype = y.real.dtype if self.real_linear else y.dtype
        return _transpose(self, torch.zeros(y.shape[0], *shape, dtype=dtype, device=y.device), y)

    def normal(self, x: Tensor) -> Tensor:
        """Return H* H x."""
        return self.adjoint(self(x))

    def __add__(self, other: LinearOperator) -> LinearOperator:
        """Return the operator that measures x -> H x + G x."""
        from pellucid.operators.algebra import Sum

        return Sum([self, other])

    def __rmul__(self, factor: complex) -> LinearOperator:
        """Return the operator that measures x -> factor · H x."""
        from pellucid.operators.elementary import Diagonal

        dtype = torch.complex128 if isinstance(factor, complex) else torch.float64
        return LinearComposition(Diagonal(torch.tensor(factor, dtype=dtype)), self)

    def __getitem__(self, rows: Rows) -> LinearOperator:
        """Return the operator of some entries of the batch; itself where no parameter varies over it."""
        return self


def _transpose(function: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> Tensor:
    """Apply the conjugate transpose of the Jacobian of `function` at x to y."""
    differentiable = torch.is_grad_enabled()
    with torch.enable_grad():
        x = x if x.requires_grad else x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(function(x), x, y, create_graph=differentiable)
    return gradient


class Jacobian(LinearOperator):
    """The derivative of an operator at a point x, shape (batch, channel, *space).

    Over the reals only: the derivative of an intensity is not complex linear.
    """

    real_linear = True

    def __init__(self, operator: Operator, x: Tensor) -> None:
        super().__init__()
        self.operator, self.x = operator, x
        self.in_shape, self.out_shape = tuple(x.shape[1:]), operator.out_shape

    def forward(self, x: Tensor) -> Tensor:
        """Return the directional derivative along x: the transpose of the transpose, which is linear."""
        return _transpose(self.adjoint, torch.zeros_like(self.operator(self.x)), x)

    def adjoint(self, y: Tensor) -> Tensor:
        """Return the transposed derivative applied to y."""
        return _transpose(self.operator, self.x, y)

    def __getitem__(self, rows: Rows) -> Jacobian:
        """Return the derivative of some entries of the batch."""
        return Jacobian(self.operator[rows], pick(self.x, rows))


class Composition(Operator):
    """Two operators, one after the other: x -> outer(inner(x))."""

    def __init__(self, outer: Operator, inner: Operator) -> None:
        super().__init__()
        if not _fit(outer.in_shape, inner.out_shape):
            raise InputError(
                f"{type(outer).__name__} takes {outer.in_shape} but {type(inner).__name__} gives "
                f"{inner.out_shape}; compose operators whose (channel, *space) agree."
            )
        self.outer, self.inner = outer, inner
        self.in_shape = inner.in_shape or outer.in_shape
        self.out_shape = outer.out_shape or inner.out_shape
        self.real_linear = outer.real_linear or inner.real_linear

    def forward(self, x: Tensor) -> Tensor:
        """Apply the inner operator, then the outer one."""
        y: Tensor = self.outer(self.inner(x))
        return y

    def backproject(self, y: Tensor) -> Tensor:
        """Go back through the outer operator, then the inner one."""
        return self.inner.backproject(self.outer.backproject(y))

    @property
    def acquired(self) -> Tensor | None:
        """Which entries the outer operator measures."""
        return self.outer.acquired

    def restrict(self, keep: Tensor) -> Operator:
        """Restrict the outer operator; a sampling asks the inner one, which may have weights of its own for it."""
        from pellucid.operators.elementary import Sampling

        if isinstance(self.outer, Sampling):
            return self.inner.restrict(self.outer.keep * keep)
        return self.outer.restrict(keep) @ self.inner

    def crop(self, region: tuple[slice, ...]) -> Operator:
        """Crop both operators."""
        return self.outer.crop(region) @ self.inner.crop(region)

    def __getitem__(self, rows: Rows) -> Operator:
        """Pick the rows of both operators."""
        return self.outer[rows] @ self.inner[rows]


class LinearComposition(Composition, LinearOperator):
    """Two linear operators, one after the other: (A B)* = B* A*."""

    outer: LinearOperator
    inner: LinearOperator

    def adjoint(self, y: Tensor) -> Tensor:
        """Apply the adjoint of the outer operator, then that of the inner one."""
        return self.inner.adjoint(self.outer.adjoint(y))

    def normal(self, x: Tensor) -> Tensor:
        """Return B* (A* A) B x."""
        return self.inner.adjoint(self.outer.normal(self.inner(x)))

    def __getitem__(self, rows: Rows) -> LinearComposition:
        """Pick the rows of both operators."""
        return LinearComposition(self.outer[rows], self.inner[rows])


class OperatorPrior(ABC):
    """Instruments at random (unknown poses, masks, defoci): where all randomness of the physics lives."""

    @abstractmethod
    def draw(self, count: int, rng: torch.Generator) -> Operator:
        """Return an operator whose parameters carry a batch axis of `count` independent draws."""


def pick(parameter: Tensor, rows: Rows) -> Tensor:
    """Return some rows of a parameter with a batch axis of length B; one of length 1 serves them all."""
    if parameter.shape[0] == 1:
        return parameter
    return parameter[rows].unsqueeze(0) if isinstance(rows, int) else parameter[rows]


def _fit(taken: Shape, given: Shape) -> bool:
    """Whether a shape may follow another: equal, or open, in every axis."""
    if not taken or not given:
        return True
    return len(taken) == len(given) and all(a == b or None in (a, b) for a, b in zip(taken, given, strict=True))
