"""A scan that is ready to be reconstructed, and the kinds of instrument that make one."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from torch import Tensor

from pellucid.data.image import Image
from pellucid.data.measurement import Measurement
from pellucid.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What was measured, through which instrument, and what its reconstruction is an image of.

    Parameters
    ----------
    measurement
        Recorded data and operator; the batch are independent slices or frames. With its noise where that is known.
    image
        Turns a reconstruction, (batch, channel, *space), into the image that is written: a magnitude, a refractive
        index, with its axes and pixel sizes.
    quantity
        What its numbers are, such as ``refractive index``.
    method
        Of `pellucid.methods.names("reconstruct")`, where none is asked for.
    suffix
        The usual ending of a file with such an image.
    notes
        One sentence each on what was found or assumed.
    warnings
        One sentence each on what to doubt.
    sidecar
        What BIDS wants to know of a series, for a JSON file beside a NIfTI, or empty.
    """

    measurement: Measurement
    image: Callable[[Tensor], Image]
    quantity: str
    method: str
    suffix: str = ".ome.tif"
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    sidecar: Mapping[str, Any] = field(default_factory=dict)


@cache
def modalities() -> tuple[str, ...]:
    """Return the names of all modalities."""
    package = importlib.import_module("pellucid.workflows.modalities")
    return tuple(sorted(m.name for m in pkgutil.iter_modules(package.__path__)))


def modality(name: str) -> Callable[..., Scan]:
    """Return the function that reads scans of a modality.

    Raises
    ------
    InputError
        Where there is none of that name.
    """
    if name not in modalities():
        raise InputError(f"There is no modality {name}: choose one of {', '.join(modalities())}.")
    found: Callable[..., Scan] = getattr(importlib.import_module(f"pellucid.workflows.modalities.{name}"), name)
    return found


def geometry(name: str) -> dict[str, tuple[Any, Any]]:
    """Return (type, default) of everything a modality asks about the geometry, by name."""
    of = modality(name)
    types = get_type_hints(of)
    return {p.name: (types[p.name], p.default) for p in inspect.signature(of).parameters.values() if p.name != "path"}


def described(name: str) -> dict[str, str]:
    """Return what a modality says of itself, under the empty name, and of each keyword."""
    text = inspect.getdoc(modality(name)) or ""
    found = {"": text.split("\n")[0]}
    section = text.split("Parameters\n----------\n")[1].split("\n\n")[0]
    names: list[str] = []
    for line in section.split("\n"):
        if line.startswith(" "):
            for key in names:
                found[key] = f"{found.get(key, '')} {line.strip()}".strip()
        else:
            names = [key.strip() for key in line.split(":")[0].split(",")]
    return found


def scan(path: Path, name: str, given: Mapping[str, Any]) -> Scan:
    """Read a scan.

    Parameters
    ----------
    path
        The file.
    name
        The modality.
    given
        What is known of the geometry, by the names that `geometry` returns.
    """
    known = geometry(name)
    for key in given:
        if key not in known:
            raise InputError(f"{name} takes no {key}; it takes {', '.join(known)}.")
    if not path.exists():
        raise InputError(f"{path} does not exist: check the name and the folder.")
    return modality(name)(path, **given)
