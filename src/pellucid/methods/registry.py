"""Finds the methods that exist, and checks settings against their signatures."""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method

_PARTS = {"__main__", "calibration", "method", "registry", "recipe"}
_LARGEST = 4096  # of any number among the settings


@cache
def names() -> tuple[str, ...]:
    """Return the names of all methods."""
    package = importlib.import_module("pellucid.methods")
    return tuple(sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.name not in _PARTS))


def _module(name: str) -> Any:
    if name not in names():
        close = difflib.get_close_matches(name, names(), 1)
        hint = f" Did you mean {close[0]}?" if close else f" There are: {', '.join(names())}."
        raise InputError(f"There is no method {name}.{hint}")
    return importlib.import_module(f"pellucid.methods.{name}")


def card(name: str) -> Card:
    """Return the card of a method."""
    found: Card = _module(name).CARD
    return found


def function(name: str) -> Callable[..., Method]:
    """Return the function of a method."""
    found: Callable[..., Method] = getattr(_module(name), name)
    return found


def settings(name: str) -> dict[str, tuple[Any, Any]]:
    """Return (type, default) of every setting of a method, by name."""
    of = function(name)
    types = get_type_hints(of)
    parameters = list(inspect.signature(of).parameters.values())
    return {p.name: (types[p.name], p.default) for p in parameters if p.name not in ("example", "rng")}


def build(name: str, example: Measurement, *, rng: torch.Generator, **given: Any) -> Method:
    """Return a method made for data like `example`, with settings that are checked first.

    Parameters
    ----------
    name
        The file in this folder.
    example
        Some of the data, `y` of shape (batch, channel, *space), standardised; with its noise model.
    rng
        Draws the first weights.
    given
        Settings; text, as the command line has it, is turned into the type in the signature.
    """
    known = settings(name)
    for key in given:
        if key not in known:
            raise InputError(f"{name} has no setting {key}; it has {', '.join(known)}.")
    values = {key: _convert(name, key, known[key][0], value) for key, value in given.items()}
    return function(name)(example, rng=rng, **values)


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
