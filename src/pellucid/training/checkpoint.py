"""Tensors and facts in one safetensors file: never a pickle, never half a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from pellucid.errors import InputError


def save(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write named tensors and JSON facts, through a temporary file.

    Parameters
    ----------
    path
        The file; one that exists is replaced in one move.
    tensors
        Any device; names are kept.
    facts
        Anything that JSON can hold.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    try:
        part.write_bytes(to_bytes(plain, {"pellucid": json.dumps(facts)}))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save` wrote.

    Returns
    -------
    tensors, facts
        On the CPU.

    Raises
    ------
    InputError
        Where there is no such file, or it is not a safetensors file of Pellucid.
    """
    if not path.is_file():
        raise InputError(f"There is no file {path}; name one that Pellucid wrote.")
    try:
        with safe_open(path, "pt") as file:
            facts = dict(json.loads((file.metadata() or {})["pellucid"]))
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path} is not a file of Pellucid ({type(error).__name__}); only safetensors files "
            "that it wrote itself are opened, never pickled ones."
        ) from error
