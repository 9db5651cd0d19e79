"""NIfTI-1 and -2 in one file, plain or compressed: volumes and series of magnetic resonance imaging."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite, prod
from pathlib import Path
from typing import Any

import numpy as np
from nibabel import Nifti1Header, Nifti2Header
from nibabel.spatialimages import HeaderDataError

from pellucid.data.image import ArrayLike, Image
from pellucid.data.io.lazy import require_memory
from pellucid.data.io.regions import slices
from pellucid.data.io.rows import Rows
from pellucid.data.io.signature import signature, told
from pellucid.data.io.units import UNITS
from pellucid.errors import InputError

ORDER = "CTZYX"  # NIfTI's axes from the slowest to the fastest
SPACE = {"unknown": "millimeter", "meter": "meter", "mm": "millimeter", "micron": "micrometer"}
TIME = {"sec": "second", "msec": "millisecond", "usec": "microsecond"}
FARTHEST = 2**28  # bytes of header extensions


@dataclass(frozen=True)
class NiftiHeader:
    """The header of a NIfTI file as it stands there; its orientation is carried through.

    Parameters
    ----------
    record
        348 bytes of NIfTI-1 or 540 of NIfTI-2.
    """

    record: bytes

    def fields(self) -> Any:
        """Return nibabel's header, a copy that can be changed."""
        return (Nifti1Header if len(self.record) == 348 else Nifti2Header)(self.record)


class _Scaled:
    """Numbers as they are meant: slope times what is stored, plus intercept."""

    def __init__(self, source: ArrayLike, slope: float, intercept: float) -> None:
        self.source, self.slope, self.intercept = source, slope, intercept
        self.shape, self.dtype = tuple(source.shape), np.dtype(np.float32)

    def __getitem__(self, region: Any) -> Any:
        wanted, taken = slices(region, self.shape)
        block = np.asarray(self.source[wanted], np.float64) * self.slope + self.intercept
        return block.astype(np.float32)[tuple(0 if k in taken else slice(None) for k in range(block.ndim))]


def read(path: Path) -> Image:
    """Read a NIfTI file; the numbers of a plain one stay in it until asked for.

    The axes x, y, z, t and the fifth one become X, Y, Z, T and C, in the order ``CTZYX``. Sizes of voxels without a
    unit are millimetres, unless all are one: they are then unknown. Stored integers with a slope and an
    intercept become float32.

    Raises
    ------
    InputError
        If it is no single-file NIfTI of plain numbers, or holds fewer than it declares.
    """
    with _opened(path) as file:
        header = _header(file.read(540), path.name)
        fields = header.fields()
        shape, dtype = tuple(int(n) for n in fields.get_data_shape()), fields.get_data_dtype()
        while len(shape) > 3 and shape[-1] == 1:
            shape = shape[:-1]
        if dtype.kind not in "iufc" or not 2 <= len(shape) <= 5 or min(shape) < 1:
            raise InputError(f"{path.name} holds {dtype} numbers of shape {shape}, and two to five axes are expected.")
        offset = max(int(fields.get_data_offset()), len(header.record) + 4)
        stored = _numbers(file, path, offset, shape, dtype)
    slope, intercept = fields.get_slope_inter()
    data: ArrayLike = stored.T
    if slope is not None and (slope, intercept) != (1, 0) and dtype.kind != "c":
        data = _Scaled(data, float(slope), float(intercept))
    axes = ORDER[-len(shape) :]
    notes = told(bytes(fields["descrip"]))
    return Image(data=data, axes=axes, **_sizes(fields, axes), format="nifti", header=header, provenance=notes)


def _opened(path: Path) -> Any:
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if compressed else path.open("rb")


def _header(record: bytes, name: str) -> NiftiHeader:
    size = {b"n+1\0": 348, b"n+2\0": 540}.get(record[344:348] if record[4:8] != b"n+2\0" else record[4:8])
    if size is None or len(record) < size:
        raise InputError(
            f"{name} is no NIfTI of one file (.nii or .nii.gz): it is damaged, misnamed or of another kind."
        )
    return NiftiHeader(record[:size])


def _numbers(file: Any, path: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Return the stored numbers along x, y, z, ...: mapped, or read to the last one declared where compressed."""
    needed, plain = prod(shape) * dtype.itemsize, not isinstance(file, gzip.GzipFile)
    held = max(path.stat().st_size - offset, 0)
    if plain and needed <= held:
        return np.memmap(path, dtype, "r", offset, shape, order="F")
    if not plain and offset <= FARTHEST:
        require_memory(2 * needed, path.name)
        file.seek(offset)
        content = file.read(needed)
        held = len(content)
        if held == needed:
            return np.frombuffer(content, dtype).reshape(shape, order="F")
    raise InputError(f"{path.name} declares {needed:,} bytes of numbers {shape} and holds {held:,}: it is cut short.")


def _sizes(fields: Any, axes: str) -> dict[str, Any]:
    """Return pixel sizes and units of space, and of time where the file says its unit."""
    space, time = fields.get_xyzt_units()
    zooms = dict(zip(reversed(axes), (float(zoom) for zoom in fields.get_zooms()), strict=False))
    unknown = space == "unknown" and all(zooms.get(axis, 1.0) == 1 for axis in "ZYX")  # what stands where none is known
    units = {} if unknown else {axis: SPACE.get(space, "millimeter") for axis in "ZYX"}
    units |= {"T": TIME[time]} if time in TIME else {}
    scale = {axis: zooms[axis] for axis in units if isfinite(zooms.get(axis, 0)) and zooms.get(axis, 0) > 0}
    return {"scale": scale, "units": {axis: units[axis] for axis in scale}}


@contextmanager
def writing(path: Path, like: Image, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[Any]:
    """Write a NIfTI with the orientation of the input, where that was one; .nii.gz is collected in memory first."""
    fields = _describe(like, shape, dtype)
    record, dtype = fields.binaryblock, dtype.newbyteorder(fields.endianness)
    if path.suffix.lower() == ".gz":
        numbers = np.zeros(shape, dtype)
        yield numbers
        with path.open("wb") as plain, gzip.GzipFile("", "wb", 6, plain, mtime=0) as packed:
            packed.write(record + bytes(4))
            packed.write(numbers.data)
        return
    with path.open("w+b") as file:
        file.write(record + bytes(4))
        yield Rows(file, len(record) + 4, shape, dtype)


def _describe(like: Image, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Return the header of an image."""
    axes = like.axes
    if axes != "".join(letter for letter in ORDER if letter in axes):
        raise InputError(f"NIfTI holds the axes {ORDER} in this order, not {axes}: write .ome.tif.")
    lengths = dict(zip(axes, shape, strict=True))
    depth = max(ORDER[::-1].index(axis) for axis in axes) + 1
    fields = like.header.fields() if isinstance(like.header, NiftiHeader) else Nifti1Header()
    try:
        fields.set_data_dtype(dtype)
        fields.set_data_shape([lengths.get(axis, 1) for axis in ORDER[::-1][:depth]])
    except HeaderDataError as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"NIfTI cannot hold {dtype.name} numbers of shape {shape} ({reason}): write .ome.tif."
        ) from error
    zooms = [_in(like, axis, 1e-3 if axis in "XYZ" else 1.0) for axis in ORDER[::-1][:depth]]
    fields.set_zooms(zooms)
    fields.set_xyzt_units("mm" if set("XYZ") & set(like.scale) else "unknown", "sec" if "T" in like.units else None)
    fields.set_slope_inter(1, 0)
    fields["vox_offset"], fields["magic"] = len(fields.binaryblock) + 4, fields.single_magic
    fields["descrip"] = signature(like.provenance, 79)
    return fields


def _in(like: Image, axis: str, unit: float) -> float:
    """Return the pixel size along an axis in units of `unit` metres or seconds; 1 where it is unknown."""
    _, size = UNITS.get(like.units.get(axis, ""), ("", 0.0))
    return like.scale.get(axis, 0.0) * size / unit or 1.0
