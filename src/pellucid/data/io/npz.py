"""NPZ with several arrays by name."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Collection
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.io.lazy import require_memory
from pellucid.errors import InputError

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
    SyntaxError,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)


def arrays(path: Path, names: Collection[str]) -> dict[str, np.ndarray[Any, Any]]:
    """Read those arrays of an NPZ that it has, by name; nothing is ever unpickled.

    Parameters
    ----------
    path
        The file.
    names
        Which arrays are wanted.

    Raises
    ------
    InputError
        If it is no NPZ, is damaged, holds other things than numbers, or more than the memory can.
    """
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                name = member.filename.removesuffix(".npy")
                if name != member.filename and name in names:
                    require_memory(member.file_size, path.name)
                    found[name] = _array(archive, member, path.name)
    except InputError:
        raise
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"{path.name} could not be read as NPZ: it is damaged or something else ({reason})."
        ) from error
    return found


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str) -> np.ndarray[Any, Any]:
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(stream)
    if dtype.kind not in "biufc" or prod(shape) * dtype.itemsize > member.file_size:
        raise InputError(
            f"{member.filename} of {where} declares {dtype} {shape} in {member.file_size:,} bytes: it is damaged, or "
            "not plain numbers."
        )
    with archive.open(member) as stream:
        return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))
