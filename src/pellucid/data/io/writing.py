"""Write an image of any format: whole, or block by block where it is larger than memory."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pellucid.data.image import Image
from pellucid.data.io.reading import SUFFIXES, ending
from pellucid.data.io.regions import blocks
from pellucid.errors import InputError

WRITERS = {
    suffix: format
    for format in ("tiff", "png", "npy", "mrc", "nifti", "ome_zarr")
    for suffix in SUFFIXES[format]
    if suffix not in (".lsm", ".stk")
}
REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Writer(Protocol):
    """An image file that is being written: assign blocks to regions of it, in any order."""

    def __setitem__(self, region: Any, block: Any) -> None: ...


@contextmanager
def create(
    path: str | Path,
    like: Image,
    shape: tuple[int, ...],
    dtype: Any,
    *,
    overwrite: bool = False,
    provenance: Mapping[str, Any] | None = None,
    ome_zarr: str | None = None,
) -> Iterator[Writer]:
    """Open an image file to be written block by block; it gets its name only when it is whole.

    TIFF, MRC, NIfTI, NPY and OME-Zarr are written in place, so that memory stays small; PNG, NPZ and .nii.gz are
    collected first.

    Parameters
    ----------
    path
        The suffix chooses the format: .tif (always OME-TIFF), .zarr, .mrc, .nii, .nii.gz, .npy, .npz or
        .png.
    like
        Gives axes, pixel sizes, channel names and the header; its numbers are not read.
    shape, dtype
        Of what is written; the shape has one length for each axis of `like`.
    overwrite
        Replace what is there.
    provenance
        How the image was made, in terms of JSON; kept by OME-TIFF and OME-Zarr, and in short by MRC and
        NIfTI, which keep first that it was generated. PNG, NPY and NPZ keep nothing.
    ome_zarr
        ``"0.4"`` or ``"0.5"``; the version of `like` unless given, or 0.5.

    Yields
    ------
    Writer
        Regions never assigned hold zeros. What is assigned is cast to `dtype`; see `to_dtype`.

    Raises
    ------
    InputError
        If the format cannot hold the image, or the place cannot be written. Whatever is raised, no file is
        left.
    """
    path = Path(path)
    writer = _writer(path, overwrite)
    if len(shape) != len(like.axes):
        raise InputError(f"{path.name} needs one length for each of the axes {like.axes}, and got {shape}.")
    if ome_zarr not in (None, "0.4", "0.5"):
        raise InputError(f"OME-Zarr {ome_zarr} cannot be written: choose 0.4 or 0.5.")
    notes = like.provenance if provenance is None else provenance
    like = replace(like, provenance={key: notes[key] for key in sorted(notes, key="generated".__ne__)})
    like = like if ome_zarr is None else replace(like, format="ome-zarr", header=ome_zarr)
    partial = path.with_name(f".{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        with writer.writing(partial, like, tuple(shape), np.dtype(dtype).newbyteorder("=")) as target:
            yield target
        _move(partial, path)
    except OSError as error:
        if error.errno in REFUSED:
            reason = (error.strerror or "refused").lower()
            raise InputError(f"{path} could not be written ({reason}): make room, or choose another folder.") from error
        raise
    finally:
        _remove(partial)


def write(
    path: str | Path,
    image: Image,
    *,
    overwrite: bool = False,
    provenance: Mapping[str, Any] | None = None,
    ome_zarr: str | None = None,
) -> Path:
    """Write an image, block by block where it is lazy.

    Parameters
    ----------
    path, overwrite, provenance, ome_zarr
        As in `create`.
    image
        What to write; its type is kept.

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    InputError
        As in `create`.
    """
    settings: dict[str, Any] = {"overwrite": overwrite, "provenance": provenance, "ome_zarr": ome_zarr}
    with create(path, image, image.shape, image.dtype, **settings) as target:
        for region in blocks(image.shape, image.dtype.itemsize):
            target[region] = image.data[region]
    return Path(path)


def writable(path: str | Path, *, overwrite: bool = False) -> None:
    """Refuse a place where no image can be written, before time is spent on one.

    Raises
    ------
    InputError
        If the ending is of no format that is written, the folder is missing or closed, or something is there.
    """
    _writer(Path(path), overwrite)


def _writer(path: Path, overwrite: bool) -> Any:
    """Return the module that writes `path`, once it is clear that it may."""
    format = WRITERS.get(ending(path))
    if format is None:
        raise InputError(f"{path.name} cannot be written: choose one of the endings {', '.join(WRITERS)}.")
    if not path.parent.is_dir():
        raise InputError(f"The folder {path.parent} does not exist: make it first.")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"The folder {path.parent} cannot be written: choose another one.")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists already: choose another name, or add --overwrite.")
    marked = any((path / mark).is_file() for mark in (".zgroup", ".zarray", "zarr.json"))
    if path.is_dir() and not (format == "ome_zarr" and marked):
        raise InputError(f"{path} is a folder that is no Zarr image, and is not overwritten: choose another name.")
    return import_module(f"pellucid.data.io.{format}")


def _move(partial: Path, path: Path) -> None:
    """Put the finished image under its name; a folder cannot replace another in one step."""
    old = path.with_name(f".{uuid.uuid4().hex[:8]}-old-{path.name}")
    if path.is_dir() or (path.exists() and partial.is_dir()):
        path.rename(old)
        try:
            partial.rename(path)
        except BaseException:
            old.rename(path)
            raise
        _remove(old)
    else:
        partial.replace(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
