"""Scans of diffraction tomography: complex fields by view, as HDF5 or NPZ, with what the file says of the optics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.io.hdf5 import SIGNATURE, array, attribute, contains, open_hdf5
from pellucid.data.io.npz import arrays
from pellucid.errors import InputError

Array = np.ndarray[Any, Any]
_FIELD = ("field", "fields", "sino", "sinogram")
_NAMES = (*_FIELD, "phase", "amplitude", "background", "angles_rad", "angles_deg", "directions")
_FACTS = ("wavelength", "pixel size", "medium index")  # attributes of qpimage, lengths in metres


@dataclass(frozen=True, kw_only=True)
class FieldScan:
    """Complex fields behind a sample, and what is known of how they were recorded.

    Parameters
    ----------
    field
        (view, row, column), complex64.
    background
        The same without the sample, (view, row, column) or (row, column), or None where it is divided out already.
    angles
        Of a turning sample, in radians, (view,), or None.
    directions
        Of the illumination, unit vectors (view, 3) in the order z, y, x, or None.
    wavelength_nm, pixel_size_nm, medium_index
        As the file says, or None.
    """

    field: Array
    background: Array | None = None
    angles: Array | None = None
    directions: Array | None = None
    wavelength_nm: float | None = None
    pixel_size_nm: float | None = None
    medium_index: float | None = None


def read(path: Path) -> FieldScan:
    """Read a scan from HDF5 or NPZ.

    The fields are one complex array, ``field`` (``fields``, ``sino``, ``sinogram``), or real ``phase`` in radians and
    ``amplitude``, which is one where it is missing. ``background``, ``angles_rad`` or ``angles_deg``, and
    ``directions`` may follow. The attributes of qpimage, ``wavelength``, ``pixel size`` (metres) and
    ``medium index``, are read from HDF5.

    Raises
    ------
    InputError
        If there are no fields, or the arrays do not fit one another.
    """
    with path.open("rb") as file:
        hdf5 = file.read(len(SIGNATURE)) == SIGNATURE
    facts: Mapping[str, Any] = {}
    if hdf5:
        with open_hdf5(path) as file:
            found = {name: array(file, name) for name in _NAMES if contains(file, name)}
            facts = {name: _number(attribute(file, "/", name)) for name in _FACTS}
    else:
        found = arrays(path, _NAMES)
    field = _field(found, path.name)
    background = found.get("background")
    angles = found["angles_rad"] if "angles_rad" in found else found.get("angles_deg")
    if angles is not None and "angles_rad" not in found:
        angles = np.deg2rad(angles)
    _fit(field, angles, found.get("directions"), path.name)
    wavelength, pixel, index = (facts.get(name) for name in _FACTS)
    return FieldScan(
        field=field,
        background=None if background is None else background.astype(np.complex64),
        angles=None if angles is None else angles.astype(np.float64),
        directions=found["directions"].astype(np.float64) if "directions" in found else None,
        wavelength_nm=None if wavelength is None else wavelength * 1e9,
        pixel_size_nm=None if pixel is None else pixel * 1e9,
        medium_index=index,
    )


def _field(found: Mapping[str, Array], name: str) -> Array:
    whole = next((found[key] for key in _FIELD if key in found), None)
    if whole is None and "phase" in found:
        phase, amplitude = found["phase"], found.get("amplitude", np.ones((), np.float32))
        if amplitude.shape not in ((), phase.shape) or phase.dtype.kind == "c" or amplitude.dtype.kind == "c":
            raise InputError(
                f"The phase of {name} is {phase.dtype} {phase.shape} and its amplitude {amplitude.dtype} "
                f"{amplitude.shape}: both must be real, of one shape (view, row, column)."
            )
        whole = amplitude * np.exp(1j * phase)
    if whole is None or whole.ndim != 3 or whole.dtype.kind != "c" or min(whole.shape, default=0) < 2:
        held = "none" if whole is None else f"{whole.dtype} {whole.shape}"
        raise InputError(
            f"{name} must hold complex fields (view, row, column) as field, or phase and amplitude, but came with "
            f"{held}; save them under these names."
        )
    if not np.isfinite(whole).all():
        raise InputError(f"Some fields in {name} are no numbers (NaN or infinite): leave those views out.")
    return whole.astype(np.complex64)


def _fit(field: Array, angles: Array | None, directions: Array | None, name: str) -> None:
    views = len(field)
    if angles is not None and angles.shape != (views,):
        raise InputError(f"{name} has {views} views and angles of shape {angles.shape}: give one angle for each view.")
    if directions is not None and directions.shape != (views, 3):
        raise InputError(
            f"{name} has {views} views and directions of shape {directions.shape}: give one unit vector (z, y, x) for "
            "each view."
        )


def _number(value: Any) -> float | None:
    """Return a positive number, or None where the file says nothing that makes sense."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if isfinite(number) and number > 0 else None
