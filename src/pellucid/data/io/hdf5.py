"""HDF5 files that nobody vouches for: opened for reading, kept to themselves, sized before memory is taken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.data.io.lazy import SMALL, require_memory
from pellucid.errors import InputError

if TYPE_CHECKING:
    import h5py

SIGNATURE = b"\x89HDF\r\n\x1a\n"
RATIO = 10_000  # by which compression may have shrunk a large data set
HOPS = 16  # soft links one behind the other


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading; keep the body to reading, with `dataset`, `array`, `text` and `attribute`.

    Raises
    ------
    InputError
        If the file is missing, is no HDF5, or turns out to be damaged in the body.
    """
    import h5py

    if not path.is_file():
        raise InputError(f"{path} does not exist or is no file: check the name and the folder.")
    if not h5py.is_hdf5(path):
        raise InputError(
            f"{path.name} is not an HDF5 file, or its beginning is damaged: check that it is the right one."
        )
    try:
        with h5py.File(path, "r") as file:
            yield file
    except PermissionError:
        raise
    except (OSError, RuntimeError, KeyError) as error:  # what the HDF5 library raises for bytes that make no sense
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path.name} could not be read: the file is damaged or incomplete ({reason}).") from error


def dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """Return a data set whose numbers lie in this file; they stay there until a region is asked for.

    Parameters
    ----------
    file
        From `open_hdf5`.
    name
        Path in the file, such as ``exchange/data``. Soft links to other places of the same file are followed.

    Raises
    ------
    InputError
        If there is none of that name, a link leads into another file, the numbers lie in other files (external
        storage, virtual data sets), or a size is declared that the stored bytes cannot make up.
    """
    import h5py

    found = _resolve(file, name)
    where = Path(file.filename).name
    if not isinstance(found, h5py.Dataset):
        raise InputError(f"{where} holds no data set {name}; it holds {contents(file)}.")
    if found.is_virtual or found.external:
        raise InputError(
            f"The data set {name} of {where} lies in other files, which are not read: copy it into one file."
        )
    needed, stored = prod(found.shape or ()) * found.dtype.itemsize, found.id.get_storage_size()
    if needed > max(SMALL, RATIO * stored):
        raise InputError(
            f"The data set {name} of {where} declares {needed:,} bytes {found.shape} and {stored:,} are stored: "
            "it is damaged."
        )
    return found


def array(file: h5py.File, name: str) -> np.ndarray[Any, Any]:
    """Return all numbers of a data set in native byte order, once it is clear that they fit in memory.

    Pairs of fields (real, imag), as MATLAB writes them, become complex numbers.

    Raises
    ------
    InputError
        As `dataset`; or if it does not hold numbers.
    """
    found = dataset(file, name)
    pairs = tuple(found.dtype.names or ()) == ("real", "imag")
    if found.shape is None or not (pairs or found.dtype.kind in "biufc"):
        raise InputError(f"The data set {name} of {Path(file.filename).name} does not hold numbers ({found.dtype}).")
    require_memory(found.nbytes, Path(file.filename).name)
    numbers = found[()]
    if pairs:
        numbers = numbers["real"] + np.complex64(1j) * numbers["imag"]
    return np.asarray(numbers, numbers.dtype.newbyteorder("="))


def text(file: h5py.File, name: str) -> str:
    """Return a data set of one string.

    Raises
    ------
    InputError
        As `dataset`; or if it is no single string.
    """
    found = dataset(file, name)
    value = found[()] if found.size == 1 else None
    value = value.item() if isinstance(value, np.ndarray) else value
    if not isinstance(value, bytes | str):
        raise InputError(f"The data set {name} of {Path(file.filename).name} is not one string.")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def attribute(file: h5py.File, name: str, key: str, default: Any = None) -> Any:
    """Return an attribute of the group or data set `name`; bytes as text, numbers as NumPy gives them."""
    value = _resolve(file, name).attrs.get(key, default)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def contains(file: h5py.File, name: str) -> bool:
    """Tell whether the file holds `name`, itself and not by a link that leads elsewhere."""
    try:
        _resolve(file, name)
    except InputError:
        return False
    return True


def _resolve(file: h5py.File, name: str) -> Any:
    """Walk from the root to `name`; no link is followed by the library, which would open other files."""
    import h5py

    where, hops = Path(file.filename).name, 0
    place: list[str] = []
    parts = [part for part in reversed(name.split("/")) if part not in ("", ".")]
    found: Any = file["/"]
    while parts:
        part = parts.pop()
        link = found.get(part, getlink=True) if isinstance(found, h5py.Group) else None
        if isinstance(link, h5py.ExternalLink):
            raise InputError(f"{name} of {where} lies in another file, {link.filename}, which is not read: copy it.")
        if isinstance(link, h5py.SoftLink) and hops < HOPS:
            hops += 1
            place = [] if link.path.startswith("/") else place
            parts += [p for p in reversed(link.path.split("/")) if p not in ("", ".")]
            parts += reversed(place)
            place, found = [], file["/"]
        elif isinstance(link, h5py.HardLink):
            place, found = [*place, part], found[part]
        else:
            raise InputError(f"{where} holds no {name}; it holds {contents(file)}.")
    return found


def contents(file: h5py.File, most: int = 12) -> str:
    """Name the first data sets of a file, for errors; the visit follows hard links alone."""
    import h5py

    names: list[str] = []

    def note(name: str, item: Any) -> bool | None:
        names.extend([name] if isinstance(item, h5py.Dataset) else [])
        return True if len(names) > most else None

    file.visititems(note)
    return ", ".join(names[:most]) + " ..." * (len(names) > most) or "nothing"
