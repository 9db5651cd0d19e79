"""A second device without hardware: its tensors lie in the memory of the host, but PyTorch takes them for its own.

Operations on tensors of two devices are refused, and generators of another device than what they draw. What makes
the host wait for the queue of a real device, such as reading a number, is refused where `unwaited` says so.
"""

import copy
import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import finufft
import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils import backend_registration

from pellucid.training import Plan, fit
from pellucid.training.run import Run

NAME = "pretended"
_EXTENSION = 12  # the device of DLPack that PyTorch takes for the one that was registered
_READS = {"_local_scalar_dense", "equal", "is_nonzero", "masked_select", "multinomial", "nonzero"}
_READS |= {"_unique2", "unique_consecutive", "unique_dim", "bincount", "repeat_interleave", "histogram"}
_INDEXED = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index", "_unsafe_index_put"}
_EXACT = {float: torch.float64, complex: torch.complex128}
_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
_registered: list[torch.library.Library] = []
_forbidden = False


class Waits(AssertionError):
    """The host would wait for the device."""


def register() -> None:
    """Tell PyTorch of the device, before autograd starts a thread for each that there is."""
    if not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"):
        return
    module = backend_registration._DummyBackendModule()
    module.get_amp_supported_dtype = lambda: [torch.bfloat16, torch.float16]
    backend_registration._setup_privateuseone_for_python_backend(NAME, module)
    _registered.extend(torch.library.Library(name, "IMPL") for name in ("_", "aten"))
    _registered[0].fallback(_run, "PrivateUse1")
    for name, kernel in _KERNELS.items():
        _registered[1].impl(name, kernel, "PrivateUse1")


@contextmanager
def pretended() -> Iterator[torch.device]:
    """Provide the device, and generators that are on it."""
    if not _registered:
        pytest.skip("this PyTorch takes no device from Python")
    with pytest.MonkeyPatch.context() as patch, _Draws():
        patch.setattr(torch, "Generator", Generator)
        patch.setattr(Tensor, "__deepcopy__", _copied)
        patch.setitem(sys.modules, "cufinufft", SimpleNamespace(Plan=NonUniform))
        yield torch.device(NAME, 0)


@contextmanager
def unwaited(yes: bool = True) -> Iterator[None]:
    """Refuse what makes the host wait."""
    global _forbidden
    _forbidden = yes
    try:
        yield
    finally:
        _forbidden = False


def moved(what: Any, device: torch.device | str) -> Any:
    """Return a copy of a measurement, operator or tensor that is on a device."""
    if isinstance(what, Tensor | nn.Module):
        return copy.deepcopy(what).to(device)
    if isinstance(what, tuple):
        return tuple(moved(part, device) for part in what)
    if not is_dataclass(what):
        return what
    return replace(what, **{field.name: moved(getattr(what, field.name), device) for field in fields(what)})


def fitted(model, objective, source, optimisers) -> None:
    """Take two steps of all players; the second, when all is made that is kept, may not wait."""
    with unwaited(False), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "evaluate", unwaited(False)(Run.evaluate))
        history = fit(model, objective, Strict(source), Plan(steps=2, optimisers=optimisers))
    assert history.status == "done"


class Strict:
    """A source, with which the second step may not wait."""

    def __init__(self, source) -> None:
        self.source = source

    def draw(self, step):
        global _forbidden
        _forbidden = step.index == 1
        return self.source.draw(step)


class Generator(torch.Generator):
    """A generator of any device; that of the pretended one is one of the host."""

    def __new__(cls, device="cpu"):
        made = super().__new__(cls, "cpu" if torch.device(device).type == NAME else device)
        made.place = torch.device(NAME, 0) if torch.device(device).type == NAME else torch.device(device)
        return made

    def __init__(self, device="cpu") -> None:
        """Do nothing: it is made."""

    @property
    def device(self) -> torch.device:
        return self.place


class NonUniform:
    """What cufinufft is asked for, done by finufft."""

    def __init__(self, kind, space, count, eps, sign, name, gpu_device_id=0) -> None:
        self.plan = finufft.Plan(kind, space, count, eps, sign, name, nthreads=1)

    def setpts(self, *points) -> None:
        self.plan.setpts(*(_lowered(axis).numpy() for axis in points))

    def execute(self, data, out) -> None:
        self.plan.execute(_lowered(data).numpy(), _lowered(out).numpy())


class _Draws(TorchFunctionMode):
    """Refuses generators of another device than what they draw."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        drawn, rng = function(*args, **(kwargs or {})), (kwargs or {}).get("generator")
        if isinstance(rng, torch.Generator) and isinstance(drawn, Tensor) and _here(rng) != _here(drawn):
            raise RuntimeError(f"A generator on {rng.device} was given to draw on {drawn.device}.")
        return drawn


def _here(what: Tensor | torch.Generator) -> bool:
    return what.device.type == NAME if isinstance(what, torch.Generator) else not what.is_cpu


def _lifted(host: Tensor) -> Tensor:
    """Return a tensor of the device that shares the memory of one of the host."""
    capsule = torch.utils.dlpack.to_dlpack(host.resolve_conj().resolve_neg())
    ctypes.c_int32.from_address(_pointer(capsule, b"dltensor") + ctypes.sizeof(ctypes.c_void_p)).value = _EXTENSION
    return torch.utils.dlpack.from_dlpack(capsule)


def _lowered(x: Tensor) -> Tensor:
    """Return a tensor of the host that shares the memory of one of the device."""
    storage = x.untyped_storage()
    if not storage.nbytes():
        return torch.empty_strided(x.shape, x.stride(), dtype=x.dtype)
    memory = (ctypes.c_char * storage.nbytes()).from_address(storage.data_ptr())
    memory.owner = storage  # lives as long as what is made of it
    host = torch.frombuffer(memory, dtype=torch.uint8).view(x.dtype)
    host = host.as_strided(x.shape, x.stride(), x.storage_offset())
    host = torch._conj(host) if x.is_conj() else host
    return torch._neg_view(host) if x.is_neg() else host


@cache
def _arguments(op: Any) -> tuple[tuple[bool, bool], ...]:
    """Return which arguments of an operation are a tensor, and which are written."""
    return tuple((argument.type.kind() == "TensorType", argument.is_write) for argument in op._schema.arguments)


def _run(op: Any, *args: Any, **kwargs: Any) -> Any:
    """Run an operation of the device on the host."""
    args = tuple(  # numbers that PyTorch had made tensors, for this overload
        torch.tensor(k, dtype=_EXACT.get(type(k))) if tensor and isinstance(k, int | float | complex) else k
        for k, (tensor, _) in zip(args, _arguments(op), strict=False)
    )
    _check(op, args, kwargs)
    given: dict[int, tuple[Tensor, Tensor]] = {}

    def down(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [down(part) for part in value]
        if isinstance(value, Tensor) and _here(value):
            host = _lowered(value)
            given[id(host)] = (value, host)
            return host
        return torch.device("cpu") if isinstance(value, torch.device) else value

    def up(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return type(value)(up(part) for part in value)
        if not isinstance(value, Tensor) or id(value) not in given:
            return _lifted(value) if isinstance(value, Tensor) else value
        ours, host = given[id(value)]
        if (ours.shape, ours.stride()) != (host.shape, host.stride()):  # PyTorch gave it its size
            ours.data = _lifted(host)
        return ours

    return up(op(*map(down, args), **{key: down(value) for key, value in kwargs.items()}))


def _check(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse tensors of two devices, but for numbers, and what waits."""
    name = op._schema.name.removeprefix("aten::")
    reads, written = name in _READS, zip(args, _arguments(op), strict=False)
    strange = [k for k, (_, write) in written if write and isinstance(k, Tensor) and not _here(k)]
    if name in _INDEXED and _here(args[0]):
        places = [place for place in args[1] if place is not None]
        reads |= any(place.dtype in (torch.bool, torch.uint8) or not _here(place) for place in places)
        args = (args[0], *args[2:])
    parts = [part for k in (*args, *kwargs.values()) for part in (k if isinstance(k, list | tuple) else (k,))]
    strange += [x for x in parts if isinstance(x, Tensor) and not _here(x) and x.ndim]
    if strange:
        raise RuntimeError(f"{name} was given tensors of two devices, one on the CPU of shape {[*strange[0].shape]}.")
    if reads:
        _wait(name)


def _wait(what: str) -> None:
    if _forbidden:
        raise Waits(f"The host waits for the device: {what}.")


def _copy(target: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
    if not non_blocking and _here(source) != _here(target):
        _wait("a copy to or from the host")
    into, of = (_lowered(x) if _here(x) else x for x in (target, source))
    into.copy_(of)
    return target


def _copied(x: Tensor, memo: dict[int, Any], _on_host: Any = Tensor.__deepcopy__) -> Tensor:
    """Copy without a storage of the device, which PyTorch has no memory for."""
    if not _here(x):
        return _on_host(x, memo)
    memo[id(x)] = x.detach().clone().requires_grad_(x.requires_grad)
    return memo[id(x)]


def _convolution_backward(gradient: Tensor, x: Tensor, weight: Tensor, *settings: Any) -> Any:
    sizes = [gradient.shape[1]]  # of the bias
    return _run(torch.ops.aten.convolution_backward.default, gradient, x, weight, sizes, *settings)


_KERNELS = {
    "copy_": _copy,
    "fft_fftfreq": partial(_run, torch.ops.aten.fft_fftfreq.default),  # which writes beyond an empty view
    "convolution_overrideable": partial(_run, torch.ops.aten.convolution.default),
    "convolution_backward_overrideable": _convolution_backward,
}
