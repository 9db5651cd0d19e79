"""The HDF5 files of fastMRI: `kspace`, an ISMRMRD header as XML, and sometimes a mask."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pellucid.data.io.hdf5 import array, contains, dataset, open_hdf5, text
from pellucid.data.io.lazy import require_memory
from pellucid.data.io.mr_header import parse
from pellucid.data.kspace import KSpace, measured
from pellucid.errors import InputError


def read(path: Path, *, slice_index: int | None = None) -> KSpace:
    """Read k-space of shape (slices, coils, H, W), or (slices, H, W) of a single coil; W is the phase encoding.

    Parameters
    ----------
    path
        The file.
    slice_index
        The one slice to read; all of them unless given.

    Raises
    ------
    InputError
        If it holds no such k-space, or the mask does not fit it.

    Notes
    -----
    Lines outside the encoding limits of the header are zeros that the scanner put there, and count as not measured
    even where no mask says so.
    """
    with open_hdf5(path) as file:
        found = dataset(file, "kspace")
        if len(found.shape) not in (3, 4) or found.dtype.kind != "c" or 0 in found.shape:
            raise InputError(
                f"The kspace of {path.name} is {found.dtype} {found.shape}: complex (slices, coils, H, W) is expected."
            )
        count = found.shape[0]
        if slice_index is not None and not 0 <= slice_index < count:
            raise InputError(f"{path.name} has {count} slices and no slice {slice_index}: choose 0 to {count - 1}.")
        which = slice(None) if slice_index is None else slice(slice_index, slice_index + 1)
        require_memory(found.nbytes // (1 if slice_index is None else count), path.name)
        data = np.asarray(found[which], np.complex64)
        encoding = parse(text(file, "ismrmrd_header"), path.name) if contains(file, "ismrmrd_header") else None
        mask = array(file, "mask").astype(bool).reshape(-1) if contains(file, "mask") else None
    data = data if data.ndim == 4 else data[:, None]
    lines = data.shape[-1]
    if mask is not None and mask.size != lines:
        raise InputError(f"The mask of {path.name} has {mask.size} entries, and its k-space has {lines} columns.")
    before, after = encoding.padding(lines) if encoding else (0, 0)
    sampled = measured(data) if mask is None else np.broadcast_to(mask, (len(data), *data.shape[2:])).copy()
    sampled[..., :before] = False
    sampled[..., lines - after :] = False
    matrix, voxel = (encoding.matrix, encoding.voxel_mm) if encoding else (None, None)
    return KSpace(
        data=data,
        sampled=sampled,
        readout=-2,
        matrix=None if matrix is None else (matrix[0], matrix[1]),
        voxel_mm=None if voxel is None else (voxel[2], voxel[0], voxel[1]),
        padding=(before, after),
    )
