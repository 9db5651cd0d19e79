"""The data term of a measurement in units of its own, so that no step and no strength depends on recorded units."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.operators.base import LinearOperator, Operator
from pellucid.solvers import lipschitz
from pellucid.solvers.progress import inner, ratio

_TINY = 1e-30  # the norm of an operator that measures nothing


@dataclass(frozen=True, kw_only=True)
class Units:
    """What makes the image and the operator of order one.

    Parameters
    ----------
    operator
        Whose norm it is.
    weight
        Of the measured entries, in that norm.
    smoothness
        L = ‖H‖², the largest of the batch.
    image
        u = max |H* y| / L, the largest of the batch: the unit of x.
    """

    operator: Operator
    smoothness: Tensor
    image: Tensor
    weight: Tensor | None = None
    latest: list[Units] = field(default_factory=list, repr=False)

    @classmethod
    def of(cls, example: Measurement) -> Units:
        """Return the units of a measurement."""
        back = linear(example).adjoint(_weighted(example, example.y))
        smoothness = _smoothness(example, back)
        image = back.abs().amax() / smoothness
        if not bool(torch.isfinite(image)) or not bool(image > 0):
            raise InputError(
                "There is no image to reconstruct: all that was measured is zero, or some of it is no number; "
                "look at the data."
            )
        return cls(operator=example.operator, weight=example.weight, smoothness=smoothness, image=image)

    def on(self, given: Measurement) -> Units:
        """Return the same unit of x, with the norm of the operator of another measurement; the last one is kept."""
        for known in (self, *self.latest):
            if known.operator is given.operator and known.weight is given.weight:
                return known
        smoothness = _smoothness(given, linear(given).adjoint(given.y)).clamp(min=_TINY)
        other = replace(self, operator=given.operator, weight=given.weight, smoothness=smoothness, latest=[])
        self.latest[:] = [other]
        return other


@dataclass(frozen=True)
class LeastSquares:
    """½‖y − Hx‖²_W / (L u²) as a function of x / u: its Hessian has norm one, and its minimiser is of order one.

    Parameters
    ----------
    given
        The measurement; entries count by their weight W.
    units
        L and u.
    """

    given: Measurement
    units: Units

    def normal(self, x: Tensor) -> Tensor:
        """Return H* W H x / L."""
        operator = linear(self.given)
        if self.given.weight is None:
            return operator.normal(x) / self.units.smoothness
        return operator.adjoint(_weighted(self.given, operator(x))) / self.units.smoothness

    def back(self) -> Tensor:
        """Return H* W y / (L u)."""
        y = _weighted(self.given, self.given.y) / self.units.image
        return linear(self.given).adjoint(y / self.units.smoothness)

    def first(self) -> Tensor:
        """Return where to start: the back-projection over u, as strong as explains the data best."""
        operator = linear(self.given)
        x = operator.backproject(self.given.y)
        explained = operator(x)
        counted = _weighted(self.given, explained)
        scale = ratio(inner(counted, self.given.y), inner(counted, explained))
        return x * scale.reshape(-1, *[1] * (x.ndim - 1)) / self.units.image


def linear(given: Measurement) -> LinearOperator:
    """Return the operator of a measurement, once it is known to be linear.

    Raises
    ------
    InputError
        Where it is not.
    """
    if not isinstance(given.operator, LinearOperator):
        name = type(given.operator).__name__
        raise InputError(f"This method needs a linear instrument, but {name} is not linear: use --method gd.")
    return given.operator


def _weighted(given: Measurement, y: Tensor) -> Tensor:
    return y if given.weight is None else y * given.weight


def _smoothness(given: Measurement, like: Tensor) -> Tensor:
    operator = linear(given)
    if given.weight is None:
        return lipschitz(operator.normal, like).amax()
    return lipschitz(lambda x: operator.adjoint(_weighted(given, operator(x))), like).amax()
