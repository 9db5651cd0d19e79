"""A learned proximal step and data consistency, in turn: the network sees the instrument."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import psutil
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.checkpoint import checkpoint

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.restorers.base import Restorer
from pellucid.restorers.least_squares import linear
from pellucid.solvers import conjugate_gradient, implicit_conjugate_gradient
from pellucid.solvers.progress import inner, ratio

Result = TypeVar("Result")
Splitting = Literal["quadratic", "admm", "gradient"]

_POWERS = 3  # iterations for the norm of the instrument, from a start that is the image itself
_SHARE = 0.5  # of the free memory that may be kept for the gradient


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes that an unrolled network keeps from the forward pass for the backward pass.

    Parameters
    ----------
    network, consistency
        Kept by the two halves of one unroll.
    unrolls
        T.
    checkpointed
        Whether only the input of each network is kept, which then runs once more in the backward pass.
    """

    network: int
    consistency: int
    unrolls: int
    checkpointed: bool

    @property
    def whole(self) -> int:
        """Bytes without checkpoints."""
        return self.unrolls * (self.network + self.consistency)

    @property
    def needed(self) -> int:
        """Bytes at the peak."""
        return self.network + self.unrolls * self.consistency if self.checkpointed else self.whole

    def __str__(self) -> str:
        """Tell it in a sentence."""
        whole, needed = (f"{size / 2**30:.2g} GiB for the gradient" for size in (self.whole, self.needed))
        if not self.checkpointed:
            return f"{self.unrolls} unrolls keep {whole}."
        return f"{self.unrolls} unrolls would keep {whole}; the networks run twice instead, which keeps {needed}."


class Unrolled(Restorer):
    """T alternations of a learned proximal step R and data consistency (survey eq. 4-5).

    With A = H*H / L and b = H*y / L, the data term ½‖y − Hx‖² / L has the gradient A x − b.

    - ``quadratic``, variable splitting: z = R(x), x = (A + µ)⁻¹ (b + µ z), which minimises data term + µ/2 ‖x − z‖²;
    - ``admm``: the same minimiser about z − u, where z = R(x + u), and u, zero at first, grows by x − z;
    - ``gradient``, proximal gradient: z = R(x), x = z − (A z − b) / (1 + µ), the first with 1 ≥ A as the Hessian.

    Parameters
    ----------
    proximal
        R, a network on real channels: (Re, Im) of a complex image, or the one of a real image; one module for all
        unrolls, or one for each. The channels of an image, such as slices that were excited at once, are its batch.
    unrolls
        T.
    iterations
        Of conjugate gradients in each, a fixed number, from z (in ADMM, from z − u).
    penalty
        µ at the start; it is learned, and kept positive by a softplus.
    splitting
        How the image is brought to the data.
    implicit
        Whether the backward pass solves with A + µ once more, or goes back through the iterations.
    checkpointing
        Whether networks run once more in the backward pass in place of keeping what they computed; None: where all
        would be more than half of the free memory.

    Raises
    ------
    InputError
        Where the networks are not one, nor one for each unroll, or a number is not positive.

    Notes
    -----
    L = ‖H‖² and the unit of the image, the maximum of the first image, are those of what is given: nothing that is
    held out tells of its scale. The paper starts conjugate gradients from zero. Under autocast only R is in low
    precision.

    The implicit gradient is that of the minimiser; the other one that of the last iterate. Where conjugate gradients
    have converged they are the same, and elsewhere neither is nearer to the minimiser's; the first is faster and keeps
    nothing of the iterations.

    References
    ----------
    Aggarwal, Mani, Jacob, "MoDL", IEEE TMI 38, 2019; Yaman et al., MRM 84, 2020. ADMM: Yang, Sun, Li, Xu, "Deep
    ADMM-Net for compressive sensing MRI", NeurIPS 2016.
    """

    whole = True

    def __init__(
        self,
        proximal: nn.Module | Sequence[nn.Module],
        *,
        unrolls: int = 10,
        iterations: int = 10,
        penalty: float = 0.05,
        splitting: Splitting = "quadratic",
        implicit: bool = True,
        checkpointing: bool | None = None,
    ) -> None:
        super().__init__()
        self.proximal = nn.ModuleList([proximal] if isinstance(proximal, nn.Module) else proximal)
        if len(self.proximal) not in (1, unrolls) or min(unrolls, iterations) < 1 or penalty <= 0:
            raise InputError(
                "An unrolled network has unrolls, iterations and a penalty above zero, and one proximal network or one "
                f"for each unroll; {unrolls}, {iterations}, {penalty} and {len(self.proximal)} came."
            )
        self.unrolls, self.iterations, self.splitting = unrolls, iterations, splitting
        self.solve = implicit_conjugate_gradient if implicit else conjugate_gradient
        self.checkpointing = checkpointing
        self.raw_penalty = nn.Parameter(torch.tensor(penalty).expm1().log())
        self._known: dict[object, Memory] = {}

    @property
    def penalty(self) -> Tensor:
        """µ."""
        return F.softplus(self.raw_penalty)

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the image, (batch, channel, *space)."""
        data, v = _start(given)
        again = torch.is_grad_enabled() and self._memory(data, v).checkpointed
        for unroll in range(self.unrolls):
            z = checkpoint(self.step, v, unroll, use_reentrant=False) if again else self.step(v, unroll)
            x, v = self._consistent(data, z, v)
        return x * data.unit

    def step(self, x: Tensor, unroll: int) -> Tensor:
        """Apply the network of an unroll to an image in its unit."""
        network = self.proximal[unroll % len(self.proximal)]
        alone = x.flatten(0, 1)  # channels last, here and below: convolutions are faster so, also on the way back
        parts = torch.view_as_real(alone) if x.is_complex() else alone.unsqueeze(-1)
        out: Tensor = network(parts.movedim(-1, 1)).movedim(1, -1)
        out = out.float() if out.dtype in (torch.float16, torch.bfloat16) else out
        return (torch.view_as_complex(out.contiguous()) if x.is_complex() else out.squeeze(-1)).reshape(x.shape)

    def memory(self, given: Measurement) -> Memory:
        """Return what training on such a measurement keeps, and whether networks then run twice."""
        return self._memory(*_start(given))

    def _consistent(self, data: _Data, z: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Return the image x, and what the next network sees; v = x + u, so that z − u = 2z − v in ADMM."""
        penalty, admm = self.penalty, self.splitting == "admm"
        with torch.autocast(z.device.type, enabled=False):
            near = 2 * z - v if admm else z
            if self.splitting == "gradient":
                x = z - (data.normal(z) - data.b) / (1 + penalty)
            else:
                b = data.b + penalty * near
                x = self.solve(lambda w: data.normal(w) + penalty * w, b, x=near, iterations=self.iterations)
        return x, x + v - z if admm else x

    def _memory(self, data: _Data, v: Tensor) -> Memory:
        """Count what one unroll keeps, once for each kind of measurement."""
        kind = (data.given.y.shape, v.shape, v.dtype, v.device, torch.is_autocast_enabled(v.device.type))
        if kind not in self._known:
            fixed = [*self.parameters(), *data.given.operator.buffers(), data.b, data.unit, data.norm]
            with torch.enable_grad():
                v = v.detach().requires_grad_()
                z, network = _kept(lambda: self.step(v, 0), fixed)
                _, consistency = _kept(lambda: self._consistent(data, z, v), [*fixed, z])
            again = self.checkpointing
            if again is None:
                again = self.unrolls * (network + consistency) > _SHARE * _free(v.device)
            self._known[kind] = Memory(
                network=network, consistency=consistency, unrolls=self.unrolls, checkpointed=again
            )
        return self._known[kind]


@dataclass(frozen=True)
class _Data:
    """½‖y − Hx‖²_W / L of an image in its unit: A x − b is its gradient."""

    given: Measurement
    unit: Tensor
    norm: Tensor
    b: Tensor

    def normal(self, x: Tensor) -> Tensor:
        """Return A x."""
        return _normal(self.given, x) / self.norm


def _start(given: Measurement) -> tuple[_Data, Tensor]:
    """Return the data term and the first image, both in its unit; unit and L are (batch, 1, ..., 1)."""
    with torch.autocast(given.y.device.type, enabled=False):
        x, unit, norm = _units(given)
        return _Data(given, unit, norm, linear(given).adjoint(_weighted(given, given.y)) / (unit * norm)), x


@torch.no_grad()
def _units(given: Measurement) -> tuple[Tensor, Tensor, Tensor]:
    """Return the first image in its unit, the unit, and L."""
    x = linear(given).backproject(given.y)
    explained = given.operator(x)
    counted = _weighted(given, explained)
    axes = [1] * (x.ndim - 1)
    x = x * ratio(inner(counted, given.y), inner(counted, explained)).reshape(-1, *axes)
    unit = _positive(x.abs().flatten(1).amax(1).reshape(-1, *axes))
    v, norm = x / unit, torch.ones_like(unit)
    for _ in range(_POWERS):
        w = _normal(given, v)
        norm = _positive(ratio(inner(v, w), inner(v, v)))
        v = w / norm
    return x / unit, unit, norm


def _positive(unit: Tensor) -> Tensor:
    """Return what is positive, and one for a sample in which nothing was measured."""
    return torch.where(unit > 0, unit, 1)


def _normal(given: Measurement, x: Tensor) -> Tensor:
    """Return H* W H x."""
    operator = linear(given)
    return operator.normal(x) if given.weight is None else operator.adjoint(given.weight * operator(x))


def _weighted(given: Measurement, y: Tensor) -> Tensor:
    return y if given.weight is None else y * given.weight


def _kept(compute: Callable[[], Result], fixed: Sequence[Tensor]) -> tuple[Result, int]:
    """Return a result and the bytes that are kept for its gradient, of storages that are not there already."""
    there, kept = {t.untyped_storage().data_ptr() for t in fixed}, {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()  # itself, it would keep the graph alive that keeps it

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        result = compute()
    return result, sum(size for place, size in kept.items() if place not in there)


def _free(device: torch.device) -> int:
    """Return the free bytes of a device, with those that PyTorch holds ready."""
    if device.type != "cuda":
        return int(psutil.virtual_memory().available)
    ready = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + ready
