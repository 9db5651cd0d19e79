"""Open k-space of any format: fastMRI, ISMRMRD, a data set of an HDF5 file, BART's .cfl, NPY."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.io import cfl, fastmri, ismrmrd
from pellucid.data.io.hdf5 import array, contains, contents, open_hdf5
from pellucid.data.io.lazy import require_memory
from pellucid.data.kspace import KSpace, measured
from pellucid.errors import InputError

HDF5 = (".h5", ".hdf5", ".mat", ".mrd")
BART = (".cfl", ".hdr")
NUMPY = (".npy", ".npz")


def read(path: Path, *, dataset: str | None = None, slice_index: int | None = None) -> KSpace:
    """Read Cartesian k-space of slices.

    Parameters
    ----------
    path
        Its suffix, and for HDF5 its contents, tell the format.
    dataset
        Of an HDF5 file that is neither fastMRI's nor ISMRMRD's: where k-space lies in it.
    slice_index
        The one slice to read; all of them unless given.

    Raises
    ------
    InputError
        If the file holds no such k-space, or numbers that are not finite, or nothing but zeros.
    """
    scan = _read(path, dataset, slice_index)
    if not np.isfinite(scan.data).all():
        raise InputError(f"The k-space of {path.name} holds NaN or infinite values: set what was not measured to zero.")
    if not scan.data.any():
        raise InputError(f"The k-space of {path.name} is zero everywhere: nothing was measured.")
    return scan


def arrays(path: Path, *, dataset: str | None = None) -> np.ndarray[Any, Any]:
    """Read complex numbers of shape (coil, row, column) or (slice, coil, row, column): k-space or coil maps.

    Parameters
    ----------
    path, dataset
        As in `read`; an HDF5 file needs `dataset`.

    Raises
    ------
    InputError
        If the file is of another format, or holds another kind of numbers.
    """
    suffix = path.suffix.lower()
    numbers: Any
    if suffix in BART:
        numbers = cfl.along(cfl.read(path), (cfl.SLICE, cfl.COIL, cfl.PHASE, cfl.READ), path.name)
    elif suffix in NUMPY:
        from pellucid.data.io import npy

        if not path.is_file():
            raise InputError(f"{path} does not exist: check the name and the folder.")
        try:
            numbers = npy.read(path).data
        except (ValueError, EOFError) as error:
            raise InputError(f"{path.name} could not be read: the file is damaged ({error}).") from error
    elif suffix in HDF5:
        with open_hdf5(path) as file:
            numbers = array(file, dataset or "kspace")
    else:
        known = ", ".join((*HDF5, *BART, *NUMPY))
        raise InputError(f"{path.name} is in no format of k-space that Pellucid knows: choose one of {known}.")
    if numbers.ndim not in (3, 4) or numbers.dtype.kind != "c" or 0 in numbers.shape:
        raise InputError(
            f"{path.name} holds {numbers.dtype} numbers of shape {numbers.shape}, and complex ones of shape "
            "(coil, row, column) or (slice, coil, row, column) are expected."
        )
    require_memory(8 * numbers.size, path.name)
    whole = np.array(numbers[...], np.complex64, order="C")
    return whole if whole.ndim == 4 else whole[None]


def _read(path: Path, dataset: str | None, slice_index: int | None) -> KSpace:
    if path.suffix.lower() in HDF5 and dataset is None:
        with open_hdf5(path) as file:
            kind = next((name for name in ("kspace", ismrmrd.DATA) if contains(file, name)), None)
            if kind is None:
                raise InputError(
                    f"{path.name} is neither fastMRI's (kspace) nor ISMRMRD (dataset/data): name its k-space with "
                    f"--dataset; it holds {contents(file)}."
                )
        if kind == "kspace":
            return fastmri.read(path, slice_index=slice_index)
        return _one(ismrmrd.read(path), slice_index, path.name)
    data = arrays(path, dataset=dataset)
    return _one(KSpace(data=data, sampled=measured(data)), slice_index, path.name)


def _one(scan: KSpace, index: int | None, name: str) -> KSpace:
    """Keep one slice."""
    if index is None:
        return scan
    count = len(scan.data)
    if not 0 <= index < count:
        raise InputError(f"{name} has {count} slices and no slice {index}: choose 0 to {count - 1}.")
    part = slice(index, index + 1)
    calibration = None if scan.calibration is None else scan.calibration[part]
    return replace(scan, data=scan.data[part], sampled=scan.sampled[part], calibration=calibration)
