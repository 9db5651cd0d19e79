"""A learned proximal step and data consistency, in turn: the network sees the instrument."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.data.measurement import Measurement
from pellucid.restorers.base import Restorer
from pellucid.restorers.least_squares import linear
from pellucid.solvers import conjugate_gradient
from pellucid.solvers.progress import inner, ratio

_POWERS = 3  # iterations for the norm of the instrument, from a start that is the image itself


class Unrolled(Restorer):
    """T alternations of a learned proximal step R and data consistency (variable splitting, survey eq. 4-5).

        z = R(x),    x = argmin_x ½‖y − Hx‖² / L + µ/2 ‖x − z‖² = (H*H / L + µ)⁻¹ (H*y / L + µ z)

    Parameters
    ----------
    proximal
        R, a network on real channels: (Re, Im) of a complex image, or the one of a real image; one module for all
        unrolls, or one for each. The channels of an image, such as slices that were excited at once, are its batch.
    unrolls
        T.
    iterations
        Of conjugate gradients in each, a fixed number, from z.
    penalty
        µ at the start; it is learned, and kept positive by a softplus.

    Notes
    -----
    L = ‖H‖² and the unit of the image, the maximum of the first image, are those of what is given: nothing that is
    held out tells of its scale. The paper starts conjugate gradients from zero.

    References
    ----------
    Aggarwal, Mani, Jacob, "MoDL", IEEE TMI 38, 2019; Yaman et al., MRM 84, 2020.
    """

    whole = True

    def __init__(
        self,
        proximal: nn.Module | Sequence[nn.Module],
        *,
        unrolls: int = 10,
        iterations: int = 10,
        penalty: float = 0.05,
    ) -> None:
        super().__init__()
        shared = isinstance(proximal, nn.Module)
        self.proximal = nn.ModuleList([proximal] if shared else proximal)  # type: ignore[arg-type, list-item]
        self.unrolls, self.iterations = unrolls, iterations
        self.raw_penalty = nn.Parameter(torch.tensor(penalty).expm1().log())

    @property
    def penalty(self) -> Tensor:
        """µ."""
        return F.softplus(self.raw_penalty)

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the image, (batch, channel, *space)."""
        x, unit, norm = _start(given)
        back, penalty = linear(given).adjoint(_weighted(given, given.y)) / (unit * norm), self.penalty
        for unroll in range(self.unrolls):
            z = self.step(x, unroll)
            x = conjugate_gradient(
                lambda v: _normal(given, v) / norm + penalty * v, back + penalty * z, x=z, iterations=self.iterations
            )
        return x * unit

    def step(self, x: Tensor, unroll: int) -> Tensor:
        """Apply the network of an unroll to an image in its unit."""
        network = self.proximal[unroll % len(self.proximal)]
        channels = torch.view_as_real(x).movedim(-1, 2) if x.is_complex() else x.unsqueeze(2)
        out: Tensor = network(channels.flatten(0, 1)).unflatten(0, x.shape[:2])
        out = out.float() if out.dtype in (torch.float16, torch.bfloat16) else out
        return torch.view_as_complex(out.movedim(2, -1).contiguous()) if x.is_complex() else out.squeeze(2)


@torch.no_grad()
def _start(given: Measurement) -> tuple[Tensor, Tensor, Tensor]:
    """Return the first image in its unit, the unit, and L, (batch, 1, ..., 1)."""
    x = linear(given).backproject(given.y)
    explained = given.operator(x)
    counted = _weighted(given, explained)
    axes, tiny = [1] * (x.ndim - 1), torch.finfo(x.real.dtype).tiny
    x = x * ratio(inner(counted, given.y), inner(counted, explained)).reshape(-1, *axes)
    unit = x.abs().flatten(1).amax(1).clamp(min=tiny).reshape(-1, *axes)
    v, norm = x / unit, torch.ones_like(unit)
    for _ in range(_POWERS):
        w = _normal(given, v)
        norm = ratio(inner(v, w), inner(v, v)).clamp(min=tiny)
        v = w / norm
    return x / unit, unit, norm


def _normal(given: Measurement, x: Tensor) -> Tensor:
    """Return H* W H x."""
    operator = linear(given)
    return operator.normal(x) if given.weight is None else operator.adjoint(given.weight * operator(x))


def _weighted(given: Measurement, y: Tensor) -> Tensor:
    return y if given.weight is None else y * given.weight
