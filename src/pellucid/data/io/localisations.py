"""Tables of localisations: CSV of ThunderSTORM, HDF5 of Picasso, NPZ."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.data.io.hdf5 import dataset, open_hdf5
from pellucid.data.io.npz import arrays
from pellucid.data.localisations import Localisations
from pellucid.errors import InputError

Columns = dict[str, np.ndarray[Any, Any]]

NAMES = {  # what a column is called, in lower case; lengths in nanometres
    "frame": ("frame", "frames", "frame_index"),
    "row": ("y [nm]", "y_nm", "ynm"),
    "column": ("x [nm]", "x_nm", "xnm"),
    "photons": ("intensity [photon]", "photons", "phot"),
    "precision": ("uncertainty [nm]", "uncertainty_xy [nm]", "locprecnm"),
}


def read(path: Path, *, pixel_size_nm: float | None = None) -> Localisations:
    """Read a table of localisations.

    Parameters
    ----------
    path
        CSV with a line of names (frame, x [nm], y [nm], intensity [photon], uncertainty [nm], as ThunderSTORM has
        them); HDF5 of Picasso, with its YAML beside it; or NPZ with an array for each column, or with one array
        ``data`` of the columns frame, x and y in nanometres.
    pixel_size_nm
        Of the camera, for Picasso's positions, which are in pixels; from the YAML unless given.

    Raises
    ------
    InputError
        If it is in none of these formats, lacks the frame or a position, or is damaged.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist or is no file: check the name and the folder.")
    readers = {".csv": _csv, ".npz": _npz, ".hdf5": _picasso, ".h5": _picasso}
    if path.suffix.lower() not in readers:
        raise InputError(f"{path.name} is no table of localisations that is known: give .csv, .hdf5 or .npz.")
    found = readers[path.suffix.lower()](path, pixel_size_nm)
    columns = {key: found[name] for key, known in NAMES.items() for name in known if name in found}
    missing = [NAMES[key][0] for key in ("frame", "row", "column") if key not in columns]
    if missing:
        raise InputError(f"{path.name} lacks {', '.join(missing)}; it has {', '.join(found) or 'no column'}.")
    if len({len(column) for column in columns.values()}) > 1:
        raise InputError(f"The columns of {path.name} differ in length: it is damaged.")
    positions = torch.stack([_tensor(columns[key]) for key in ("row", "column")], 1)
    if not bool(positions.isfinite().all()):
        raise InputError(f"{path.name} holds positions that are not finite: remove those rows.")
    return Localisations(
        frame=_tensor(columns["frame"]).long(),
        positions_nm=positions,
        photons=_tensor(columns["photons"]) if "photons" in columns else None,
        precision_nm=_tensor(columns["precision"]) if "precision" in columns else None,
    )


def _tensor(column: np.ndarray[Any, Any]) -> Tensor:
    return torch.from_numpy(np.array(column, np.float64))


def _csv(path: Path, pixel_size_nm: float | None) -> Columns:
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        names = next(csv.reader([file.readline()]), [])
        if len(names) == 1:  # the whole line in quotes
            names = next(csv.reader(names), [])
        try:
            rows = np.loadtxt(file, delimiter=",", ndmin=2)
        except ValueError as error:
            raise InputError(f"{path.name} holds other things than numbers below its first line ({error}).") from error
    if rows.size and rows.shape[1] != len(names):
        raise InputError(f"{path.name} names {len(names)} columns and has {rows.shape[1]}: it is damaged.")
    return {name.strip().lower(): rows[:, k] for k, name in enumerate(names)} if rows.size else {}


def _npz(path: Path, pixel_size_nm: float | None) -> Columns:
    known = {name for names in NAMES.values() for name in names}
    found = arrays(path, known | {"data"})
    table = found.pop("data", None)
    if table is None or found:
        return {name: column.ravel() for name, column in found.items()}
    if table.ndim != 2 or table.shape[1] != 3:
        raise InputError(f"The data of {path.name} is {table.shape}, and not a table of frame, x and y.")
    return dict(zip(("frame", "x [nm]", "y [nm]"), table.T, strict=True))


def _picasso(path: Path, pixel_size_nm: float | None) -> Columns:
    with open_hdf5(path) as file:
        table = dataset(file, "locs")
        if table.dtype.names is None:
            raise InputError(f"The locs of {path.name} are no table with named columns, as Picasso writes them.")
        wanted = [name for name in ("frame", "x", "y", "photons", "lpx", "lpy") if name in table.dtype.names]
        found: Columns = {name: np.asarray(table[name]) for name in wanted}
    size = pixel_size_nm or _pixel_size(path.with_suffix(".yaml"))
    if size is None:
        raise InputError(
            f"{path.name} has positions in pixels, and no YAML beside it says how large they are: give pixel_size_nm."
        )
    for axis in ("x", "y"):
        if axis in found:  # Picasso counts from the middle of the first pixel
            found[f"{axis} [nm]"] = (found.pop(axis).astype(np.float64) + 0.5) * size
    if "lpx" in found and "lpy" in found:
        found["uncertainty [nm]"] = np.hypot(found.pop("lpx"), found.pop("lpy")) / np.sqrt(2) * size
    return found


def _pixel_size(path: Path) -> float | None:
    """Return the last pixel size that the YAML of Picasso names, in nanometres."""
    text = path.read_text("utf-8", errors="replace") if path.is_file() else ""
    sizes = re.findall(r"^(?:Camera\.)?Pixelsize: *([0-9.]+) *$", text, re.M)
    return float(sizes[-1]) if sizes else None
