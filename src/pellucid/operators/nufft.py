"""The non-uniform Fourier transform: an image seen at any points of its Fourier space."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from pellucid.errors import InputError
from pellucid.operators.base import LinearOperator, Rows, pick

_MOST_PLANS = 32  # kept by one operator


class NonUniformFourier(LinearOperator):
    r"""H x = the Fourier transform of an image at arbitrary points.

    .. math:: y_{bcj} = N^{-1/2} \sum_n x_{bcn} e^{-i k_{bj} \cdot n}

    with :math:`n` running from ``-(n // 2)`` to ``(n - 1) // 2`` along each axis and :math:`N` the number of
    pixels: on the Cartesian grid it is the centred, orthonormal transform.

    Parameters
    ----------
    points
        Where the transform is measured, in radians per pixel within [-pi, pi), one row for each axis in the order
        of `space`; shape (1 or B, dims, count), kept in double precision.
    space
        Shape of the image; one, two or three axes.
    eps
        Relative error of the transform; in single precision it is 3e-5 at the least.
    density
        Density compensation: how much of Fourier space each point stands for, shape (1 or B, count), with which
        `backproject` is an image (`pellucid.data.prepare.density`). None counts all alike.

    Notes
    -----
    The plans of finufft [1]_ are made at the first call, one for each precision and number of transforms, and used
    again; the adjoint runs the same plan backwards and is exact to rounding. They take `torch.get_num_threads()`
    threads. On a GPU cufinufft computes.

    References
    ----------
    .. [1] A. H. Barnett, J. Magland, L. af Klinteberg, "A parallel nonuniform fast Fourier transform library based
       on an 'exponential of semicircle' kernel", SIAM J. Sci. Comput. 41, 2019.

    Examples
    --------
    >>> points = torch.zeros(1, 2, 1)
    >>> NonUniformFourier(points, space=(4, 4))(torch.ones(1, 1, 4, 4, dtype=torch.complex64)).abs()
    tensor([[[4.0000]]])
    """

    points: Tensor
    density: Tensor | None

    def __init__(
        self, points: Tensor, *, space: tuple[int, ...], eps: float = 1e-6, density: Tensor | None = None
    ) -> None:
        super().__init__()
        if points.ndim != 3 or points.shape[1] != len(space) or not 1 <= len(space) <= 3:
            raise InputError(
                f"Points of Fourier space need the shape (1 or batch, {len(space)}, count) for an image of shape "
                f"{tuple(space)}, but came as {tuple(points.shape)}; give one row of radians per pixel for each axis."
            )
        if not bool(torch.isfinite(points).all()):
            raise InputError("Points of Fourier space must be finite, but some are not; leave those samples out.")
        if density is not None and density.shape[1:] != points.shape[2:]:
            raise InputError(
                f"The density compensation has shape {tuple(density.shape)} for {points.shape[2]} points; give one "
                "weight for each point, shape (1 or batch, count)."
            )
        self.register_buffer("points", points.to(torch.float64))
        self.register_buffer("density", density)
        self.space, self.eps = tuple(space), eps
        self.in_shape, self.out_shape = (None, *self.space), (None, points.shape[2])
        self._plans = _Plans()

    def forward(self, x: Tensor) -> Tensor:
        """Transform x, shape (batch, channel, *space), to (batch, channel, count)."""
        self._check(x, self.space, "image")
        return _transform(x.to(torch.promote_types(x.dtype, torch.complex64)), self, adjoint=False)

    def adjoint(self, y: Tensor) -> Tensor:
        """Return sum_j y_j exp(i k_j · n) / sqrt(N), shape (batch, channel, *space)."""
        self._check(y, self.out_shape[1:], "measurement")
        return _transform(y.to(torch.promote_types(y.dtype, torch.complex64)), self, adjoint=True)

    def backproject(self, y: Tensor) -> Tensor:
        """Return the adjoint of y times its density compensation (gridding)."""
        return self.adjoint(y if self.density is None else y * self.density[:, None].to(y.real.dtype))

    def __getitem__(self, rows: Rows) -> NonUniformFourier:
        """Return the transform at the points of some entries of the batch."""
        if self.points.shape[0] == 1 and (self.density is None or self.density.shape[0] == 1):
            return self
        density = None if self.density is None else pick(self.density, rows)
        return NonUniformFourier(pick(self.points, rows), space=self.space, eps=self.eps, density=density)

    def _check(self, data: Tensor, inner: tuple[int | None, ...], name: str) -> None:
        rows = self.points.shape[0]
        if data.shape[2:] != inner or rows not in (1, data.shape[0]):
            batch = "batch" if rows == 1 else str(rows)
            raise InputError(
                f"The {name} needs the shape ({batch}, channel, {', '.join(map(str, inner))}), but came as "
                f"{tuple(data.shape)}; make it fit the points and the space of the transform."
            )

    def _run(self, data: Tensor, *, adjoint: bool) -> Tensor:
        """Transform row by row of the points, all that shares a row at once."""
        data = data.resolve_conj().contiguous()
        inner = self.space if adjoint else self.points.shape[2:]
        out = data.new_empty(*data.shape[:2], *inner)
        rows = self.points.shape[0]
        for row, given, result in zip(range(rows), data.chunk(rows), out.chunk(rows), strict=True):
            given, result = given.flatten(0, 1), result.flatten(0, 1)
            self._plan(row, given)(given, result, adjoint)
        return out.mul_(1 / math.sqrt(math.prod(self.space)))

    def _plan(self, row: int, data: Tensor) -> _Plan | _DevicePlan:
        """Return the plan for data of this kind, made anew where the points have changed."""
        state = (self.points, self.points._version)
        if self._plans.state[1:] != state[1:] or self._plans.state[0] is not self.points:
            self._plans.clear()
            self._plans.state = state
        key = (row, data.shape[0], data.dtype, torch.get_num_threads())
        if key not in self._plans:
            if len(self._plans) >= max(_MOST_PLANS, self.points.shape[0]):
                self._plans.clear()
            make = _Plan if data.device.type == "cpu" else _DevicePlan
            points = self.points[row].to(data.device, data.real.dtype)
            self._plans[key] = make(points, self.space, data.shape[0], self.eps)
        return self._plans[key]


class _Plans(dict[Any, "_Plan | _DevicePlan"]):
    """Plans by what they transform; a copy of an operator makes its own."""

    state: tuple[Tensor | None, int] = (None, 0)

    def __deepcopy__(self, memo: dict[int, Any]) -> _Plans:
        return _Plans()

    def __reduce__(self) -> tuple[type[_Plans], tuple[()]]:
        return _Plans, ()


class _Transform(torch.autograd.Function):
    """The transform and its adjoint: linear maps, each the derivative of the other."""

    @staticmethod
    def forward(ctx: Any, data: Tensor, operator: NonUniformFourier, adjoint: bool) -> Tensor:
        ctx.operator, ctx.adjoint = operator, adjoint
        return operator._run(data, adjoint=adjoint)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _transform(gradient, ctx.operator, adjoint=not ctx.adjoint), None, None


def _transform(data: Tensor, operator: NonUniformFourier, *, adjoint: bool) -> Tensor:
    result: Tensor = _Transform.apply(data, operator, adjoint)  # type: ignore[no-untyped-call]
    return result


class _Plan:
    """A plan of finufft for points of shape (dims, count) and `count` transforms at once."""

    def __init__(self, points: Tensor, space: tuple[int, ...], count: int, eps: float) -> None:
        from finufft import Plan

        # In single precision a finer grid is several times slower for an error of 1e-5, where k · n is rounded.
        single = {"upsampfac": 1.25, "showwarn": 0} if points.dtype == torch.float32 else {}
        eps = max(eps, torch.finfo(points.dtype).eps)
        name = str(points.dtype.to_complex()).removeprefix("torch.")
        self.plan = Plan(2, space, count, eps, -1, name, nthreads=torch.get_num_threads(), **single)
        self.plan.setpts(*(axis.contiguous().numpy() for axis in points))

    def __call__(self, data: Tensor, out: Tensor, adjoint: bool) -> None:
        run = self.plan.execute_adjoint if adjoint else self.plan.execute
        run(data.numpy(), out.numpy())


class _DevicePlan:
    """The two plans of cufinufft, whose plans run one way only."""

    def __init__(self, points: Tensor, space: tuple[int, ...], count: int, eps: float) -> None:
        try:
            from cufinufft import Plan
        except ImportError:
            raise InputError(
                "A non-uniform Fourier transform on a GPU needs cufinufft, which is not installed; install it or "
                "move the data and the operator to the CPU."
            ) from None
        name, device = str(points.dtype.to_complex()).removeprefix("torch."), points.device.index or 0
        self.plans = [Plan(kind, space, count, eps, 2 * (kind == 1) - 1, name, gpu_device_id=device) for kind in (2, 1)]
        for plan in self.plans:
            plan.setpts(*(axis.contiguous() for axis in points))

    def __call__(self, data: Tensor, out: Tensor, adjoint: bool) -> None:
        self.plans[adjoint].execute(data, out)
