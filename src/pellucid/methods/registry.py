"""Finds the methods that exist, and checks settings against their signatures."""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method

Task = Literal["denoise", "reconstruct", "generate"]
TASKS: tuple[Task, ...] = ("denoise", "reconstruct", "generate")
_PLACES: Mapping[str, str] = {
    "denoise": "pellucid.methods",
    "reconstruct": "pellucid.methods.reconstruct",
    "generate": "pellucid.methods.generate",
}
_PARTS = {"__main__", "calibration", "generate", "generative", "method", "learned", "registry", "recipe"}
_PARTS |= {"reconstruct", "strength"}
_LARGEST = 4096  # of any number among the settings


@cache
def names(task: Task = "denoise") -> tuple[str, ...]:
    """Return the names of all methods for a task."""
    package = importlib.import_module(_PLACES[task])
    return tuple(sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.name not in _PARTS))


def _module(name: str, task: Task) -> Any:
    if name not in names(task):
        for other in TASKS:
            if name in names(other):
                raise InputError(f"{name} is a method to {other}, not to {task}: {', '.join(names(task))} are.")
        close = difflib.get_close_matches(name, names(task), 1)
        hint = f" Did you mean {close[0]}?" if close else f" There are: {', '.join(names(task))}."
        raise InputError(f"There is no method {name}.{hint}")
    return importlib.import_module(f"{_PLACES[task]}.{name}")


def card(name: str, task: Task = "denoise") -> Card:
    """Return the card of a method."""
    found: Card = _module(name, task).CARD
    return found


def function(name: str, task: Task = "denoise") -> Callable[..., Any]:
    """Return the function of a method, which makes a `Method`, or a `Generative` where the task is to generate."""
    found: Callable[..., Any] = getattr(_module(name, task), name)
    return found


def settings(name: str, task: Task = "denoise") -> dict[str, tuple[Any, Any]]:
    """Return (type, default) of every setting of a method, by name; one that may be None has the type it else has.

    Settings have a default and a value that text can state; what else a method takes, the workflow gives it.
    """
    of = function(name, task)
    types = {key: _without_none(kind) for key, kind in get_type_hints(of).items()}
    parameters = [p for p in inspect.signature(of).parameters.values() if p.default is not p.empty]
    return {p.name: (types[p.name], p.default) for p in parameters if _stated(types[p.name])}


def _stated(kind: Any) -> bool:
    """Whether text can state a value of this type."""
    return kind in (int, float, bool) or get_origin(kind) is Literal


def _without_none(kind: Any) -> Any:
    """Return the type that an optional type else is."""
    others = [k for k in get_args(kind) if k is not type(None)]
    return others[0] if isinstance(kind, UnionType) and len(others) == 1 else kind


def takes_calibration(name: str) -> bool:
    """Whether a method of denoising learns a noise model from a calibration."""
    return "noise_pairs" in inspect.signature(function(name)).parameters


def build(
    name: str,
    example: Measurement,
    noise_pairs: tuple[Tensor, Tensor] | None = None,
    /,
    *,
    rng: torch.Generator,
    **given: Any,
) -> Method:
    """Return a method of denoising made for data like `example`, with settings that are checked first.

    Parameters
    ----------
    name
        The file in this folder.
    example
        Some of the data, `y` of shape (batch, channel, *space), standardised; with its noise model.
    noise_pairs
        Signals and what was recorded of them, in the units of the example, for a method that takes them.
    rng
        Draws the first weights.
    given
        Settings; text, as the command line has it, is turned into the type in the signature.
    """
    learned = {} if noise_pairs is None else {"noise_pairs": noise_pairs}
    found: Method = function(name)(example, rng=rng, **learned, **checked(name, given))
    return found


def checked(name: str, given: Mapping[str, Any], task: Task = "denoise") -> dict[str, Any]:
    """Return settings of a method, each turned into the type in the signature.

    Raises
    ------
    InputError
        Where the method has no such setting, or its value is of another kind.
    """
    known = settings(name, task)
    for key in given:
        if key not in known:
            raise InputError(f"{name} has no setting {key}; it has {', '.join(known) or 'none'}.")
    return {key: _convert(name, key, known[key][0], value) for key, value in given.items()}


def _convert(method: str, key: str, kind: Any, value: Any) -> Any:
    """Return `value` as the type that the signature names."""
    options: Mapping[str, bool] = {
        "true": True,
        "yes": True,
        "1": True,
        "false": False,
        "no": False,
        "0": False,
    }
    if get_origin(kind) is Literal:
        if value in get_args(kind):
            return value
        expected = "one of " + ", ".join(map(str, get_args(kind)))
    elif kind is bool:
        if str(value).lower() in options:
            return options[str(value).lower()]
        expected = "true or false"
    else:
        expected = f"{'a whole number' if kind is int else 'a number'} above zero, up to {_LARGEST}"
        with suppress(ValueError):
            number = kind(str(value))
            if 0 < number <= _LARGEST:
                return number
    raise InputError(f"The setting {key} of {method} is {expected}; {value} is not.")
