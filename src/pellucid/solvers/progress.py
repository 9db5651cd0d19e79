"""When an iteration ends, and who is told of it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Map = Callable[[Tensor], Tensor]
"""From an image or a measurement, (batch, channel, *space), to another."""

Prox = Callable[[Tensor, Tensor], Tensor]
"""(v, step) -> argmin_x ½‖x − v‖² + step · R(x)."""

Watch = Callable[[int, float], None]
"""Told (iteration, change) now and then; whatever it raises ends the iteration."""

_EVERY = 10  # iterations between two looks at the change: each look waits for the device


class Progress:
    """Looks at the change of an iteration now and then.

    Parameters
    ----------
    iterations
        At most.
    tolerance
        The iteration ends at the first look at which no sample of the batch changes by more, relative to its norm.
        At zero, and with nobody watching, it never looks: the count is fixed and nothing waits for the device.
    watch
        Told of every look.
    """

    def __init__(self, iterations: int, tolerance: float, watch: Watch | None) -> None:
        self.iterations, self.tolerance, self.watch = iterations, tolerance, watch

    def due(self, iteration: int) -> bool:
        """Whether to look after this iteration, counted from zero."""
        looks = self.tolerance > 0 or self.watch is not None
        return looks and ((iteration + 1) % _EVERY == 0 or iteration + 1 == self.iterations)

    def settled(self, iteration: int, difference: Tensor, reference: Tensor) -> bool:
        """Whether ‖difference‖ ≤ tolerance · ‖reference‖ in every sample."""
        change = float(ratio(inner(difference, difference), inner(reference, reference)).amax().sqrt().detach())
        if self.watch is not None:
            self.watch(iteration + 1, change)
        return change <= self.tolerance


def inner(a: Tensor, b: Tensor) -> Tensor:
    """Return Re <a, b> of each sample, (batch, 1, ..., 1)."""
    dims = tuple(range(1, a.ndim))
    if a.is_complex():
        a, b = torch.view_as_real(a.resolve_conj()), torch.view_as_real(b.resolve_conj())
        return (a * b).sum((*dims, -1)).reshape(-1, *[1] * len(dims))
    return (a * b).sum(dims, keepdim=True)


def ratio(a: Tensor, b: Tensor) -> Tensor:
    """Return a / b, and zero where b is zero: what has converged stays where it is."""
    positive = b > 0
    return torch.where(positive, a, 0) / torch.where(positive, b, 1)
