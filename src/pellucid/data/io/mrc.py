"""MRC2014: volumes, image stacks and single images of electron microscopy."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE

from pellucid.data.image import ArrayLike, Image
from pellucid.data.io.lazy import require_memory
from pellucid.data.io.regions import blocks
from pellucid.data.io.rows import Rows
from pellucid.data.io.signature import signature, told
from pellucid.data.io.units import UNITS
from pellucid.errors import InputError

MODES = {0: "i1", 1: "i2", 2: "f4", 3: "i2", 4: "c8", 6: "u2", 12: "f2"}
LITTLE, BIG = bytes((0x44, 0x44, 0, 0)), bytes((0x11, 0x11, 0, 0))
IMOD_STAMP = 1146047817


@dataclass(frozen=True)
class MrcHeader:
    """What an MRC file says besides its numbers.

    Parameters
    ----------
    record
        The 1024 bytes of the header.
    order
        ``<`` or ``>``, the byte order of the header and of the numbers.
    extended
        The extended header, as it stands in the file.
    """

    record: bytes
    order: str
    extended: bytes

    def fields(self) -> Any:
        """Return a writable copy of the header as a record of named fields."""
        return np.frombuffer(self.record, HEADER_DTYPE.newbyteorder(self.order)).copy()[0]


def read(path: Path) -> Image:
    """Read an MRC; the numbers stay in the file until asked for.

    Space group 0, or the ending .mrcs, is a stack of images (SYX), 401 a stack of volumes (SZYX), any other
    a volume (ZYX); one section is an image (YX). Mode 0 is signed, unless IMOD's flags say that its bytes
    are unsigned. Modes 3 and 4 are complex.

    Raises
    ------
    InputError
        If the mode is unknown, or the header declares more than the file holds.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        record = file.read(1024)
        header = MrcHeader(record.ljust(1024, b"\0"), _order(record), b"")
        fields = header.fields()
        offset = 1024 + max(int(fields["nsymbt"]), 0)
        mode, (nx, ny, nz) = int(fields["mode"]), (int(fields[key]) for key in ("nx", "ny", "nz"))
        if len(record) < 1024:
            raise InputError(
                f"{path.name} is not an MRC, or was cut short: it has {size:,} bytes, and the header takes 1,024."
            )
        if mode not in MODES or min(nx, ny, nz) < 1:
            raise InputError(
                f"{path.name} is not an MRC of mode 0, 1, 2, 3, 4, 6 or 12 that holds voxels (mode {mode}, "
                f"{nx} x {ny} x {nz})."
            )
        dtype = _dtype(fields, mode, header.order)
        shape = (nz, ny, nx, 2) if mode == 3 else (nz, ny, nx)
        needed = offset + prod(shape) * dtype.itemsize
        if needed > size:
            raise InputError(
                f"{path.name} declares {needed:,} bytes for {(nz, ny, nx)} and has {size:,}: it is cut short."
            )
        header = MrcHeader(header.record, header.order, file.read(offset - 1024))
    if not fields["map"].startswith(b"MAP"):
        warnings.warn(f"{path.name} lacks the MRC mark 'MAP '; it is read as an MRC by its sizes.", stacklevel=2)
    axes, lead = _axes(fields, nz, path.suffix.lower() == ".mrcs")
    data: ArrayLike = np.memmap(path, dtype, "r", offset, lead + shape[1:])
    if mode == 3:
        data = _complex(data, path.name)
    scale = _scale(fields, axes)
    known: dict[str, Any] = {"scale": scale, "units": dict.fromkeys(scale, "angstrom"), "header": header}
    notes = {key: value for label in fields["label"] for key, value in told(bytes(label)).items()}
    return Image(data=data, axes=axes, format="mrc", provenance=notes, **known)


def _order(record: bytes) -> str:
    """Return the byte order by the machine stamp, or else by which reading of the mode makes sense."""
    if record[212:213] in (LITTLE[:1], BIG[:1]):
        return "<" if record[212:213] == LITTLE[:1] else ">"
    return "<" if int.from_bytes(record[12:16], "little") in MODES else ">"


def _dtype(fields: Any, mode: int, order: str) -> np.dtype[Any]:
    stamp, flags = np.frombuffer(fields["extra2"].tobytes()[40:48], f"{order}i4")
    unsigned = mode == 0 and stamp == IMOD_STAMP and not flags & 1
    return np.dtype(f"{order}u1" if unsigned else order + MODES[mode])


def _axes(fields: Any, nz: int, stack: bool) -> tuple[str, tuple[int, ...]]:
    """Return the axes, and the lengths of all but the last two."""
    group, mz = int(fields["ispg"]), int(fields["mz"])
    if group == 401 and mz > 0 and nz % mz == 0:
        return "SZYX", (nz // mz, mz)
    if nz == 1:
        return "YX", ()
    return ("SYX" if group == 0 or stack else "ZYX"), (nz,)


def _scale(fields: Any, axes: str) -> dict[str, float]:
    """Return the voxel size in angstrom; `mapc`, `mapr`, `maps` say along which cell edge an axis runs."""
    scale = {}
    for axis, key, fallback in (("X", "mapc", 1), ("Y", "mapr", 2), ("Z", "maps", 3)):
        edge = "xyz"[(int(fields[key]) if 1 <= int(fields[key]) <= 3 else fallback) - 1]
        length, intervals = float(fields["cella"][edge]), int(fields[f"m{edge}"])
        if axis in axes and intervals > 0 and np.isfinite(length) and length > 0:
            scale[axis] = length / intervals
    return scale


def _complex(pairs: Any, name: str) -> np.ndarray[Any, Any]:
    require_memory(4 * pairs.nbytes, name)
    values = np.asarray(pairs, np.float32)
    return np.ascontiguousarray(values).view(np.complex64)[..., 0]


@contextmanager
def writing(path: Path, like: Image, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[Rows]:
    """Write an MRC with the header of the input, where that was an MRC, and one more label."""
    modes = {np.dtype(code).name: mode for mode, code in MODES.items() if mode not in (3, 4)}
    if dtype.name not in modes:
        raise InputError(f"MRC cannot hold {dtype.name} numbers: use float32, or write .ome.tif.")
    if like.axes not in ("YX", "ZYX", "SYX", "TYX", "SZYX", "TZYX"):
        raise InputError(
            f"MRC holds a volume or a stack, not the axes {like.axes}: write .ome.tif, or pick one --channel."
        )
    kept = like.header if isinstance(like.header, MrcHeader) else None
    fields = kept.fields() if kept else np.zeros(1, HEADER_DTYPE.newbyteorder("<"))[0]
    order = kept.order if kept else "<"
    sizes = (shape[-1], shape[-2], prod(shape[:-2]))
    if not kept or tuple(int(fields[key]) for key in ("nx", "ny", "nz")) != sizes:
        _describe(fields, like, shape, sizes)
    fields["mode"], fields["map"], fields["nversion"] = modes[dtype.name], b"MAP ", 20141
    fields["machst"] = list(LITTLE if order == "<" else BIG)
    if dtype.name == "int8":
        fields["extra2"] = fields["extra2"].tobytes()[:40] + bytes(8) + fields["extra2"].tobytes()[48:]
    _sign(fields, like.provenance)
    extended = kept.extended if kept else b""
    with path.open("w+b") as file:
        file.write(bytes(1024) + extended)
        rows = Rows(file, 1024 + len(extended), shape, np.dtype(order + dtype.str[1:]))
        yield rows
        file.flush()
        _measure(fields, np.memmap(path, rows.dtype, "r", rows.offset, shape))
        file.seek(0)
        file.write(fields.tobytes())


def _describe(fields: Any, like: Image, shape: tuple[int, ...], sizes: tuple[int, int, int]) -> None:
    """Fill in the sizes, the cell and the kind of an image that has no MRC header, or changed its size."""
    volume = "Z" in like.axes
    fields["nx"], fields["ny"], fields["nz"] = sizes
    fields["mx"], fields["my"], fields["mz"] = sizes[0], sizes[1], shape[-3] if volume else 1
    fields["ispg"] = {"ZYX": 1, "SZYX": 401, "TZYX": 401}.get(like.axes, 0)
    fields["mapc"], fields["mapr"], fields["maps"] = 1, 2, 3
    for axis in "ZYX":
        _, metres = UNITS.get(like.units.get(axis, ""), ("", 0.0))
        fields["cella"][axis.lower()] = like.scale.get(axis, 0.0) * metres * 1e10 * int(fields[f"m{axis.lower()}"])
    for angle in ("alpha", "beta", "gamma"):
        fields["cellb"][angle] = 90.0


def _sign(fields: Any, provenance: Any) -> None:
    """Add one label; a header with ten of them loses the last."""
    count = min(max(int(fields["nlabl"]), 0), 9)
    fields["label"][count] = signature(provenance, 80)
    fields["nlabl"] = count + 1


def _measure(fields: Any, numbers: Any) -> None:
    """Note minimum, maximum, mean and root-mean-square deviation."""
    low, high, total, squares = np.inf, -np.inf, 0.0, 0.0
    for region in blocks(numbers.shape, numbers.dtype.itemsize):
        block = np.asarray(numbers[region], np.float64)
        low, high = min(low, block.min()), max(high, block.max())
        total, squares = total + block.sum(), squares + np.square(block).sum()
    mean = total / numbers.size
    fields["dmin"], fields["dmax"], fields["dmean"] = low, high, mean
    fields["rms"] = np.sqrt(max(squares / numbers.size - mean**2, 0.0))
