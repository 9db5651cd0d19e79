"""The model package: JSON, safetensors and text, in a zip file or a folder; never a pickle."""

from __future__ import annotations

import io
import json
import os
import shutil
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from pellucid.errors import InputError

TEXTS = ("model.json", "stats.json", "provenance.json", "history.csv", "README.md")
WEIGHTS = "weights.safetensors"


def save(
    path: Path,
    texts: Mapping[str, str],
    weights: Mapping[str, Tensor],
    *,
    overwrite: bool = False,
) -> Path:
    """Write a package through a temporary name.

    Parameters
    ----------
    path
        An existing folder, or a path without a suffix, becomes a folder; anything else a zip file.
    texts
        The content of each of `TEXTS`.
    weights
        Tensors by name.
    overwrite
        Replace what is there.
    """
    writable(path, overwrite=overwrite)
    parts = {name: text.encode() for name, text in texts.items()}
    parts[WEIGHTS] = save_tensors({k: v.detach().cpu().contiguous().clone() for k, v in weights.items()})
    partial = path.with_name(f".{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        if path.suffix and not path.is_dir():
            with zipfile.ZipFile(partial, "w") as file:
                for name, content in parts.items():
                    file.writestr(name, content)
            partial.replace(path)
        else:
            partial.mkdir()
            for name, content in parts.items():
                (partial / name).write_bytes(content)
            _remove(path)
            partial.rename(path)
    finally:
        _remove(partial)
    return path


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def writable(path: Path, *, overwrite: bool = False) -> None:
    """Refuse a place where no package can be written, before time is spent on one.

    Raises
    ------
    InputError
        If something is there (with `overwrite`: a folder that holds anything but a model), or the folder is missing
        or closed.
    """
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists already: choose another name, or add --overwrite.")
    if path.is_dir() and any(path.iterdir()) and not (path / TEXTS[0]).is_file():
        raise InputError(f"{path} is a folder that holds something other than a model: choose another name.")
    if not path.parent.is_dir():
        raise InputError(f"The folder {path.parent} does not exist: make it first.")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"The folder {path.parent} cannot be written: choose another one.")


def load(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Read texts and weights. Nothing is unpacked, so nothing can grow; other files in a package are not looked at.

    Raises
    ------
    InputError
        Where the path is missing, is not a package, or holds anything that is not plain data.
    """
    if not path.exists():
        raise InputError(f"There is no model {path}; name a file or folder that Pellucid wrote.")
    wanted = (*TEXTS, WEIGHTS)
    try:
        parts = {name: (path / name).read_bytes() for name in wanted} if path.is_dir() else _zipped(path, wanted)
        texts = {name: parts[name].decode() for name in TEXTS}
        return texts, load_tensors(parts[WEIGHTS])
    except (*_MALFORMED, FileNotFoundError, IsADirectoryError) as error:
        raise InputError(
            f"{path} is not a model of Pellucid (a folder, or a zip file without compression, of {', '.join(wanted)}); "
            "pickled models are never opened."
        ) from error


_MALFORMED = (zipfile.BadZipFile, EOFError, KeyError, NotImplementedError, ValueError, SafetensorError)


def _zipped(path: Path, wanted: Sequence[str]) -> dict[str, bytes]:
    """Return parts of a zip file, none of them packed: what a part declares to hold cannot exceed the file."""
    with zipfile.ZipFile(io.BytesIO(path.read_bytes() if zipfile.is_zipfile(path) else b"")) as file:
        parts = [file.getinfo(name) for name in wanted]
        if any(part.compress_type != zipfile.ZIP_STORED or part.flag_bits & 1 for part in parts):
            raise zipfile.BadZipFile
        return {part.filename: file.read(part) for part in parts}


def dumps(value: Any) -> str:
    """Return JSON, with paths as text."""
    return json.dumps(value, indent=1, default=str, ensure_ascii=False)


def loads(text: str) -> Any:
    """Read JSON.

    Raises
    ------
    InputError
        Where it is not JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"A part of the model is not JSON ({error}); train the model again.") from error
