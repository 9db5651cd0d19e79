"""MAT: variables that MATLAB saved, in its own format up to version 7 and in HDF5 from version 7.3 on."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat, whosmat

from pellucid.data.io.hdf5 import array, contains, open_hdf5
from pellucid.data.io.lazy import require_memory
from pellucid.errors import InputError

Variables = dict[str, np.ndarray[Any, Any]]

BYTES = {"double": 8, "single": 4, "logical": 1} | {f"{s}int{8 * n}": n for s in ("", "u") for n in (1, 2, 4, 8)}


def variables(path: Path, names: tuple[str, ...]) -> Variables:
    """Return arrays of numbers out of a MAT file, by name, with the axes as MATLAB counts them.

    Parameters
    ----------
    path
        The file, of version 4 to 7.3.
    names
        What is wanted. A name that the file lacks is left out; no other variable is read.

    Raises
    ------
    InputError
        If the file is missing or damaged, none of the names is in it, or one does not hold numbers.
    """
    import h5py

    if not path.is_file():
        raise InputError(f"{path} does not exist or is no file: check the name and the folder.")
    found = _from_hdf5(path, names) if h5py.is_hdf5(path) else _from_matlab(path, names)
    if not found:
        raise InputError(f"{path.name} holds none of the variables {', '.join(names)}: check that it is the right one.")
    return found


def _from_hdf5(path: Path, names: tuple[str, ...]) -> Variables:
    with open_hdf5(path) as file:
        return {name: array(file, name).T for name in names if contains(file, name)}


def _from_matlab(path: Path, names: tuple[str, ...]) -> Variables:
    try:
        held = {name: (shape, kind) for name, shape, kind in whosmat(path, appendmat=False) if name in names}
        for name, (shape, kind) in held.items():
            if kind not in BYTES:
                raise InputError(f"The variable {name} of {path.name} is a {kind}, and not an array of numbers.")
            require_memory(2 * prod(shape) * BYTES[kind], path.name)  # complex at most
        read = loadmat(path, appendmat=False, variable_names=list(held))
    except (InputError, PermissionError, Warning):
        raise
    except Exception as error:  # a parser met bytes it did not expect
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(
            f"{path.name} could not be read: it is no MAT file, or damaged or incomplete ({reason})."
        ) from error
    return {name: np.asarray(read[name], read[name].dtype.newbyteorder("=")) for name in held}
