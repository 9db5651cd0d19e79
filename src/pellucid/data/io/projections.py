"""X-ray projections: NXtomo and DXchange HDF5, NPZ with named arrays, sinograms as images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pellucid.data.io import npz, reading
from pellucid.data.io.hdf5 import SIGNATURE, array, attribute, contains, contents, dataset, open_hdf5
from pellucid.data.io.lazy import require_memory
from pellucid.errors import InputError

if TYPE_CHECKING:
    import h5py

Array = np.ndarray[Any, Any]
Order = Literal["projections", "sinograms"]

_ENTRIES = ("entry", "entry1/tomo_entry", "entry1", "entry/tomo_entry")  # where NXtomo has been put
_FRAME, _WHITE, _DARK = 0, 1, 2  # NXtomo's image keys
_COUNTS = ("proj", "projections", "data")
_SINOGRAM = ("sino", "sinogram", "sinograms")
_FIELDS = {"white": ("white", "flat", "flats", "data_white"), "dark": ("dark", "darks", "data_dark")}
_RADIANS = ("angles_rad", "theta_rad")
_DEGREES = ("theta_deg", "angles_deg", "theta", "angles")


@dataclass(frozen=True, kw_only=True)
class Projections:
    """What an X-ray detector recorded.

    Parameters
    ----------
    sinograms
        Shape (row, angle, column), as stored.
    white, dark
        Frames without object and without beam, (row, frame, column), or None.
    angles
        In radians, shape (angle,), or None where the file does not say.
    source
        The layout that was found, in words.
    """

    sinograms: Array
    white: Array | None = None
    dark: Array | None = None
    angles: Array | None = None
    source: str


def read(path: Path, *, rows: slice = slice(None), order: Order = "projections") -> Projections:
    """Read projections.

    Parameters
    ----------
    path
        HDF5 as NXtomo or DXchange; NPZ with ``proj`` or ``sino``, ``white``, ``dark`` and ``theta_deg`` or
        ``angles_rad``; or an image: one sinogram (angle, column), or a stack.
    rows
        Which detector rows are read.
    order
        Of a stack in an NPZ or an image: ``projections`` (angle, row, column), or ``sinograms`` (row, angle, column).

    Raises
    ------
    InputError
        If the file holds no projections, or their parts do not fit one another.
    """
    with path.open("rb") as file:
        head = file.read(len(SIGNATURE))
    if head == SIGNATURE:
        with open_hdf5(path) as file:
            found = _hdf5(file, rows, path.name)
    elif head.startswith(b"PK") and path.suffix.lower() == ".npz":
        found = _npz(
            npz.arrays(path, [*_COUNTS, *_SINOGRAM, *sum(_FIELDS.values(), ()), *_RADIANS, *_DEGREES]),
            rows,
            order,
            path,
        )
    else:
        found = _image(path, rows, order)
    _fit(found, path.name)
    return found


def _hdf5(file: h5py.File, rows: slice, name: str) -> Projections:
    if contains(file, "exchange/data"):
        parts = {
            key: f"exchange/{place}"
            for key, place in (("data", "data"), ("white", "data_white"), ("dark", "data_dark"))
        }
        blocks = {key: _frames(file, place, rows, name) for key, place in parts.items() if contains(file, place)}
        return Projections(
            sinograms=blocks["data"],
            white=blocks.get("white"),
            dark=blocks.get("dark"),
            angles=_angles(file, "exchange/theta"),
            source="DXchange",
        )
    for entry in _ENTRIES:
        if contains(file, f"{entry}/instrument/detector/data"):
            return _nxtomo(file, entry, rows, name)
    raise InputError(
        f"{name} holds no projections as NXtomo (entry/instrument/detector/data) or DXchange (exchange/data) have "
        f"them; it holds {contents(file)}."
    )


def _nxtomo(file: h5py.File, entry: str, rows: slice, name: str) -> Projections:
    detector = f"{entry}/instrument/detector"
    frames, angles = _frames(file, f"{detector}/data", rows, name), _angles(file, f"{entry}/sample/rotation_angle")
    keys = (
        array(file, f"{detector}/image_key") if contains(file, f"{detector}/image_key") else np.zeros(frames.shape[1])
    )
    for what, numbers in (("image keys", keys), ("rotation angles", angles)):
        if numbers is not None and numbers.shape != frames.shape[1:2]:
            raise InputError(f"{name} holds {frames.shape[1]:,} frames and {numbers.size:,} {what}: it is damaged.")
    kinds = {key: frames[:, keys == key] for key in (_FRAME, _WHITE, _DARK)}
    return Projections(
        sinograms=kinds[_FRAME],
        white=kinds[_WHITE] if kinds[_WHITE].size else None,
        dark=kinds[_DARK] if kinds[_DARK].size else None,
        angles=None if angles is None else angles[keys == _FRAME],
        source="NXtomo",
    )


def _frames(file: h5py.File, place: str, rows: slice, name: str) -> Array:
    """Return some rows of frames (frame, row, column) as (row, frame, column)."""
    found = dataset(file, place)
    if found.ndim != 3 or found.dtype.kind not in "iuf":
        raise InputError(
            f"{place} of {name} is {found.dtype} {found.shape}, and frames are numbers (frame, row, column)."
        )
    start, stop, step = rows.indices(found.shape[1])
    count = len(range(start, stop, step))
    require_memory(2 * prod((found.shape[0], count, found.shape[2])) * found.dtype.itemsize, name)
    return np.ascontiguousarray(found[:, start:stop:step].transpose(1, 0, 2))


def _angles(file: h5py.File, place: str) -> Array | None:
    if not contains(file, place):
        return None
    numbers = array(file, place).astype(np.float64)
    radians = str(attribute(file, place, "units", "degree")).lower().startswith("rad")
    return numbers if radians else np.deg2rad(numbers)


def _npz(found: Mapping[str, Array], rows: slice, order: Order, path: Path) -> Projections:
    def first(names: tuple[str, ...]) -> Array | None:
        return next((found[name] for name in names if name in found), None)

    counts, lines = first(_COUNTS), first(_SINOGRAM)
    data = counts if counts is not None else lines
    if data is None:
        raise InputError(
            f"{path.name} holds no array named {', '.join((*_COUNTS, *_SINOGRAM))}: save the projections as one."
        )
    radians, degrees = first(_RADIANS), first(_DEGREES)

    def fields(kind: str) -> Array | None:
        """Return the fields as a stack like the projections; a single one has no axis for frames."""
        held = first(_FIELDS[kind])
        if held is not None and held.ndim == data.ndim - 1:
            held = np.expand_dims(held, 1 if data.ndim == 3 and order == "sinograms" else 0)
        return None if held is None else _rows_first(held, rows, order, path.name)

    return Projections(
        sinograms=_rows_first(data, rows, order, path.name),
        white=fields("white"),
        dark=fields("dark"),
        angles=radians if radians is not None or degrees is None else np.deg2rad(degrees),
        source="NPZ",
    )


def _image(path: Path, rows: slice, order: Order) -> Projections:
    try:
        image = reading.read(path)
    except InputError as error:
        if "--axes" not in str(error):
            raise
        image = reading.read(path, axes="ZYX")
    return Projections(sinograms=_rows_first(np.asarray(image.data), rows, order, path.name), source=image.format)


def _rows_first(stack: Array, rows: slice, order: Order, name: str) -> Array:
    """Return (row, angle, column)."""
    if stack.ndim not in (2, 3) or stack.dtype.kind not in "iuf":
        raise InputError(
            f"{name} holds {stack.dtype} {stack.shape}, and projections are real numbers (angle, column) or a stack of "
            "such."
        )
    if stack.ndim == 2:
        return stack[None]
    return stack[rows] if order == "sinograms" else stack[:, rows].transpose(1, 0, 2)


def _fit(found: Projections, name: str) -> None:
    height, views, columns = found.sinograms.shape
    if not height:
        raise InputError(f"{name} has no such detector rows: choose --rows within the detector.")
    if min(views, columns) < 2:
        raise InputError(f"{name} holds {views} views of {columns} columns, and tomography needs two of each or more.")
    for what, frames in (("white", found.white), ("dark", found.dark)):
        if frames is not None and (frames.shape[0], frames.shape[2]) != (height, columns):
            raise InputError(
                f"The {what} fields of {name} have {frames.shape[0]} rows of {frames.shape[2]} columns and its "
                f"projections {height} of {columns}: they do not belong together."
            )
    if found.angles is not None and found.angles.shape != (views,):
        raise InputError(
            f"{name} has {views:,} views and {found.angles.size:,} angles: give one for each with --angles."
        )
