"""The model package: JSON, safetensors, text and a picture, in a zip file or a folder; never a pickle."""

from __future__ import annotations

import json
import shutil
import uuid
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from pellucid.errors import InputError

TEXTS = ("model.json", "stats.json", "provenance.json", "history.csv", "README.md")
WEIGHTS = "weights.safetensors"
_LARGEST = {WEIGHTS: 4 << 30} | dict.fromkeys(TEXTS, 64 << 20)  # bytes


def save(
    path: Path,
    texts: Mapping[str, str],
    weights: Mapping[str, Tensor],
    *,
    preview: Path | None = None,
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
    preview
        A PNG to add.
    overwrite
        Replace what is there.
    """
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists already: choose another name, or add --overwrite.")
    if not path.parent.is_dir():
        raise InputError(f"The folder {path.parent} does not exist: make it first.")
    parts = {name: text.encode() for name, text in texts.items()}
    parts[WEIGHTS] = save_tensors({k: v.detach().cpu().contiguous().clone() for k, v in weights.items()})
    if preview is not None:
        parts["preview.png"] = preview.read_bytes()
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
            if path.exists():
                shutil.rmtree(path)
            partial.rename(path)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial)
        else:
            partial.unlink(missing_ok=True)
    return path


def load(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Read texts and weights; sizes are checked before anything is read.

    Raises
    ------
    InputError
        Where the path is missing, is not a package, or holds anything that is not plain data.
    """
    if not path.exists():
        raise InputError(f"There is no model {path}; name a file or folder that `pellucid train` wrote.")
    wanted = (*TEXTS, WEIGHTS)
    try:
        if path.is_dir():
            for name in wanted:
                _checked(name, (path / name).stat().st_size, path)
            parts = {name: (path / name).read_bytes() for name in wanted}
        else:
            with zipfile.ZipFile(path) as file:
                for name in wanted:
                    _checked(name, file.getinfo(name).file_size, path)
                parts = {name: file.read(name) for name in wanted}
        texts = {name: parts[name].decode() for name in TEXTS}
        return texts, load_tensors(parts[WEIGHTS])
    except (zipfile.BadZipFile, KeyError, FileNotFoundError, UnicodeDecodeError, SafetensorError) as error:
        raise InputError(
            f"{path} is not a model of Pellucid (it needs {', '.join(wanted)}); pickled models are never opened."
        ) from error


def _checked(name: str, size: int, path: Path) -> None:
    if size > _LARGEST[name]:
        raise InputError(f"{path} declares {size} bytes for {name}, more than a model of Pellucid can have.")


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
    except ValueError as error:
        raise InputError(f"A part of the model is not JSON ({error}); train the model again.") from error
