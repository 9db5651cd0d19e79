"""NPY and NPZ: plain numbers that say nothing about their axes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np

from pellucid.data.image import Image
from pellucid.data.io.lazy import require_memory
from pellucid.data.io.rows import Rows
from pellucid.errors import InputError


def read(path: Path) -> Image:
    """Read an NPY, or an NPZ that holds one array; nothing is ever unpickled.

    Raises
    ------
    InputError
        If the array holds objects, is larger than the file or the memory, or is not alone in an NPZ.
    """
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            shape, order, dtype = _header(file, path.name)
            offset = file.tell()
        _require_bytes(shape, dtype, path.stat().st_size - offset, path.name)
        data: Any = np.memmap(path, dtype, "r", offset, shape, order)
        return _image(data, "npy")
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
        if len(members) != 1:
            names = ", ".join(member.filename.removesuffix(".npy") for member in members) or "none"
            raise InputError(f"{path.name} must hold one array, and holds {len(members)} ({names}): save one alone.")
        with archive.open(members[0]) as stream:
            shape, _, dtype = _header(stream, path.name)
        _require_bytes(shape, dtype, members[0].file_size, path.name)
        require_memory(members[0].file_size, path.name)
        with archive.open(members[0]) as stream:
            return _image(np.lib.format.read_array(stream, allow_pickle=False), "npz")


def _header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], Any, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = reader(file)
    if dtype.kind not in "biufc":
        raise InputError(f"{name} holds {dtype} entries, not plain numbers: save it as float32, and not as objects.")
    if any(length < 0 for length in shape):
        raise InputError(f"{name} declares a negative size {shape}: it is damaged.")
    return shape, "F" if fortran else "C", dtype


def _require_bytes(shape: tuple[int, ...], dtype: np.dtype[Any], held: int, name: str) -> None:
    needed = prod(shape) * dtype.itemsize
    if needed > held:
        raise InputError(f"{name} declares {needed:,} bytes of numbers {shape} and holds {held:,}: it is cut short.")
    if needed == 0 or len(shape) < 2:
        raise InputError(f"{name} holds an array of shape {shape}, and an image has two axes or more.")


def _image(data: Any, format: str) -> Image:
    return Image(data=data, axes="?" * data.ndim, format=format)


@contextmanager
def writing(path: Path, like: Image, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[Any]:
    """Write the numbers alone: neither axes nor pixel sizes are kept. An NPZ is collected in memory first."""
    if path.suffix == ".npz":
        numbers = np.zeros(shape, dtype)
        yield numbers
        with path.open("wb") as file:
            np.savez(file, image=numbers)
        return
    with path.open("w+b") as file:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        yield Rows(file, file.tell(), shape, dtype)
