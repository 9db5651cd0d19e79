"""ISMRMRD, the raw data of magnetic resonance scanners in HDF5: one record an echo, and a header as XML."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.data.io.hdf5 import dataset, open_hdf5
from pellucid.data.io.lazy import require_memory
from pellucid.data.io.mr_header import Encoding, parse
from pellucid.data.kspace import KSpace
from pellucid.errors import InputError

if TYPE_CHECKING:
    import h5py

DATA = "dataset/data"
NOISE, CALIBRATION, CALIBRATION_TOO, REVERSED = 1 << 18, 1 << 19, 1 << 20, 1 << 21
OTHER = sum(1 << bit for bit in (22, 23, 25, 26, 27, 28, 29, 30))
"""Navigators, phase corrections, feedback, dummies, surface coils and phase stabilisation: no part of the image."""
SEVERAL = ("contrast", "phase", "set", "kspace_encode_step_2")
FIELDS = {"flags", "number_of_samples", "active_channels", "center_sample", "discard_pre", "discard_post", "idx"}


def read(path: Path) -> KSpace:
    """Read Cartesian slices: echoes go to their line and slice, and those of one line are averaged.

    Returns
    -------
    KSpace
        Read-out along the columns. Noise and separate calibration scans stand beside the data.

    Raises
    ------
    InputError
        If it is no such file, or holds what is not slices of Cartesian k-space: other trajectories, 3-D
        encoding, several contrasts, read-outs in reverse.
    """
    with open_hdf5(path) as file:
        found = dataset(file, DATA)
        encoding = parse(_xml(dataset(file, "dataset/xml")), path.name)
        names = found.dtype.names or ()
        head: Any = found["head"] if "head" in names else np.zeros(0)
        if not set(head.dtype.names or ()) >= FIELDS or "data" not in names or not len(head):
            raise InputError(f"{DATA} of {path.name} holds no acquisitions of ISMRMRD.")
        image = head["flags"] & (NOISE | CALIBRATION | OTHER) == 0
        reference = (head["flags"] & (CALIBRATION | CALIBRATION_TOO) == CALIBRATION) & ~_is(head, NOISE | OTHER)
        _check(head[image | reference], encoding, path.name)
        data, counts = _sorted(found, head, np.flatnonzero(image), encoding, path.name)
        separate = np.flatnonzero(reference)
        calibration = _sorted(found, head, separate, encoding, path.name)[0] if len(separate) else None
        silent = [_samples(found, head, int(k), path.name) for k in np.flatnonzero(_is(head, NOISE))]
    voxel = encoding.voxel_mm
    return KSpace(
        data=data,
        sampled=counts > 0,
        matrix=(encoding.matrix[1], encoding.matrix[0]),
        voxel_mm=None if voxel is None else (voxel[2], voxel[1], voxel[0]),
        padding=encoding.padding(encoding.encoded[1]),
        calibration=calibration,
        noise=np.concatenate(silent, 1) if silent else None,
    )


def _is(head: Any, flag: int) -> Any:
    return head["flags"] & flag != 0


def _xml(found: h5py.Dataset) -> str:
    value = found[()] if found.size == 1 else b""
    value = value.item() if isinstance(value, np.ndarray) else value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _check(head: Any, encoding: Encoding, name: str) -> None:
    """Refuse what is not slices of Cartesian k-space from one set of coils."""
    if encoding.trajectory != "cartesian":
        raise InputError(f"{name} holds a {encoding.trajectory} trajectory, and Cartesian k-space is expected.")
    if not len(head):
        raise InputError(f"{name} holds no echo that belongs to an image.")
    for key in SEVERAL:
        if len(np.unique(head["idx"][key])) > 1:
            raise InputError(f"{name} holds several values of {key}, and slices are expected: save one of them alone.")
    if _is(head, REVERSED).any():
        raise InputError(f"{name} holds read-outs in reverse (EPI), which need a ghost correction: convert it first.")
    if len(np.unique(head["active_channels"])) > 1:
        raise InputError(f"{name} holds echoes of different numbers of coils: save one kind alone.")


def _samples(found: h5py.Dataset, head: Any, k: int, name: str) -> np.ndarray[Any, Any]:
    """Return one record, shape (coil, sample)."""
    coils, count = int(head["active_channels"][k]), int(head["number_of_samples"][k])
    values = np.asarray(found[k]["data"], "<f4")
    if values.size != 2 * coils * count or not values.size:
        raise InputError(f"Record {k} of {name} holds {values.size} values, not 2 x {coils} x {count}: it is damaged.")
    return values.view("<c8").reshape(coils, count)


def _sorted(
    found: h5py.Dataset, head: Any, records: Any, encoding: Encoding, name: str
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the mean of the echoes of each line, (slice, coil, row, column), and how many (slice, row, column) had."""
    columns, rows, _ = encoding.encoded
    centre = rows // 2 if encoding.step is None else encoding.step[2]
    lines = head["idx"]["kspace_encode_step_1"][records].astype(int) - centre + rows // 2
    slices = head["idx"]["slice"][records].astype(int)
    shape = (int(slices.max()) + 1, int(head["active_channels"][records[0]]), rows, columns)
    require_memory(3 * 8 * int(np.prod(shape, dtype=object)), name)
    total, counts = np.zeros(shape, np.complex64), np.zeros((shape[0], rows, columns), np.int32)
    for k, line, index in zip(records, lines, slices, strict=True):
        first, last = int(head["discard_pre"][k]), int(head["discard_post"][k])
        samples = _samples(found, head, k, name)
        start = columns // 2 - int(head["center_sample"][k])
        inside = slice(start + first, start + samples.shape[1] - last)
        if not (0 <= line < rows and 0 <= inside.start < inside.stop <= columns):
            raise InputError(
                f"Record {k} of {name} lies at line {line}, columns {inside.start} to {inside.stop}, outside the "
                f"matrix of {rows} x {columns} that the header says."
            )
        total[index, :, line, inside] += samples[:, first : samples.shape[1] - last]
        counts[index, line, inside] += 1
    return total / np.maximum(counts, 1)[:, None], counts
