"""Open an image of any format: recognise it, name its axes, pick a channel."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from math import prod
from pathlib import Path

import numpy as np

from pellucid.data.image import AXES, Image
from pellucid.data.io.lazy import SMALL, Lazy
from pellucid.errors import InputError

MARKS = (  # first bytes, reader
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\x93NUMPY", "npy"),
    (b"PK\x03\x04", "npy"),
    (b"ZISRAWFILE", "czi"),
    (b"\xda\xce\xbe\x0a", "nd2"),
    (b"\x00\x00\x00\x0cjP", "nd2"),
    (b"\x70\x00\x00\x00", "lif"),
)
SUFFIXES = {
    "tiff": (".tif", ".tiff", ".btf", ".tf8", ".lsm", ".stk"),
    "png": (".png",),
    "npy": (".npy", ".npz"),
    "mrc": (".mrc", ".mrcs", ".rec", ".st", ".map", ".ali", ".preali"),
    "ome_zarr": (".zarr",),
    "czi": (".czi",),
    "nd2": (".nd2",),
    "lif": (".lif",),
    "nifti": (".nii", ".nii.gz"),
}
EXTRAS = {"czi": "czi", "nd2": "formats", "lif": "formats"}
KNOWN = tuple(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)


def ending(path: str | Path) -> str:
    """Return the suffix by which a format is known, in lower case: the last one, or ``.nii.gz``.

    Examples
    --------
    >>> ending("cells.ome.TIF"), ending("brain.nii.gz"), ending("cells.v1.gz")
    ('.tif', '.nii.gz', '.gz')
    """
    name = Path(path).name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else Path(name).suffix


def is_zarr(path: Path) -> bool:
    """Tell whether a folder is a Zarr image or array: by its metadata, or by its suffix."""
    marks = (".zgroup", ".zarray", ".zattrs", "zarr.json")
    return path.is_dir() and (path.suffix.lower() == ".zarr" or any((path / mark).is_file() for mark in marks))


def read(path: str | Path, *, axes: str | None = None, channel: str | int | None = None) -> Image:
    """Open an image; a large one stays in its file, and `Image.data` reads the region that is asked for.

    Parameters
    ----------
    path
        A file, or the folder of a Zarr image.
    axes
        What each axis is, where the file does not say or says it wrongly: one letter of ``STCZYX`` an axis,
        ``YX`` last.
    channel
        Index or name of the one channel to keep.

    Returns
    -------
    Image
        In native byte order, with ``YX`` last. Images up to 256 MiB are in memory.

    Raises
    ------
    InputError
        If the file is missing, damaged or of an unknown format, or its axes are not clear.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "movie.npy", np.zeros((3, 4, 5)))
    ...     read(Path(folder) / "movie.npy", axes="TYX").axes
    'TYX'
    """
    path = Path(path)
    format = _recognise(path)
    try:
        image = _named(replace(_read(path, format), source=path), axes)
        if channel is not None:
            image = _picked(image, channel)
        small = prod(image.shape) * image.dtype.itemsize <= SMALL
        return image.with_data(np.array(image.data[...], order="C")) if small else image
    except (InputError, PermissionError, Warning):
        raise
    except Exception as error:  # a third party's parser met bytes it did not expect
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(f"{path.name} could not be read: the file is damaged or incomplete ({reason}).") from error


def _recognise(path: Path) -> str:
    """Return the name of the module that reads `path`: by content first, then by suffix."""
    if not path.exists():
        raise InputError(f"{path} does not exist: check the name and the folder.")
    if path.is_dir():
        if is_zarr(path):
            return "ome_zarr"
        raise InputError(f"{path} is a folder, and no Zarr image: give the images in it.")
    with path.open("rb") as file:
        head = file.read(348)
    suffix = ending(path)
    if head[344:] == b"n+1\0" or head[4:8] == b"n+2\0" or (suffix == ".nii.gz" and head.startswith(b"\x1f\x8b")):
        return "nifti"
    if head[208:211] == b"MAP":  # before the marks: an MRC of 112 columns begins like a LIF
        return "mrc"
    for mark, format in MARKS:
        if head.startswith(mark):
            return format
    if suffix in SUFFIXES["mrc"] and len(head) >= 212:
        return "mrc"
    if suffix in KNOWN:
        raise InputError(f"{path.name} is named {suffix} but does not hold such an image: it is damaged or misnamed.")
    raise InputError(
        f"{path.name} is in no format that Pellucid knows (TIFF, PNG, NPY, MRC, NIfTI, OME-Zarr, CZI, ND2, LIF); "
        "convert it to OME-TIFF, with Fiji for instance."
    )


def _read(path: Path, format: str) -> Image:
    reader = import_module(f"pellucid.data.io.{format}")
    try:
        image: Image = reader.read(path)
    except ModuleNotFoundError as error:
        if format not in EXTRAS:
            raise
        raise InputError(
            f"{path.name} needs the reader of {format.upper()} files; "
            f"pip install 'pellucid[{EXTRAS[format]}]' installs it."
        ) from error
    return image


def _named(image: Image, axes: str | None) -> Image:
    """Give every axis its letter, drop unnamed axes of length one, and put rows and columns last."""
    letters = list(image.axes)
    for k, (letter, length) in enumerate(zip(letters, image.shape, strict=True)):
        if letters.count(letter) > 1 and length == 1:
            letters[k] = "?"
    image_axes = len(letters)
    loose = [letters[k] == "?" and image.shape[k] == 1 for k in range(image_axes)]
    if "Y" not in letters:
        loose[-2:] = [False, False]
    if axes is not None:
        keep, names = _given(image, axes, loose)
    else:
        keep = [k for k in range(image_axes) if not loose[k]]
        names = "".join(letters[k] for k in keep)
        names = "YX" if names == "??" else names
    shape = tuple(image.shape[k] for k in keep)
    if "?" in names or len(set(names)) < len(names) or not {"Y", "X"} <= set(names):
        raise InputError(_question(image, shape, names))
    order = sorted(range(len(names)), key=lambda k: ("Y", "X").index(names[k]) + 1 if names[k] in "YX" else 0)
    final = "".join(names[k] for k in order)
    channels = shape[names.index("C")] if "C" in names else 1
    return replace(
        image,
        axes=final,
        data=Lazy(image.data, image.name, tuple(keep[k] for k in order)),
        scale={a: size for a, size in image.scale.items() if a in final},
        units={a: unit for a, unit in image.units.items() if a in final and a in image.scale},
        channel_names=image.channel_names if len(image.channel_names) == channels else (),
    )


def _given(image: Image, axes: str, loose: list[bool]) -> tuple[list[int], str]:
    """Check the user's reading against the shape."""
    axes = axes.upper()
    if set(axes) - set(AXES) or len(set(axes)) < len(axes) or not axes.endswith("YX"):
        raise InputError(f"--axes {axes} is not a reading: give each letter of {AXES} at most once, with YX last.")
    every = list(range(len(image.shape)))
    for keep in (every, [k for k in every if not loose[k]], [k for k in every if image.shape[k] > 1]):
        if len(keep) == len(axes):
            return keep, axes
    raise InputError(
        f"{image.name} has {len(every)} axes {image.shape} and --axes {axes} names {len(axes)}: "
        "give one letter an axis."
    )


def _question(image: Image, shape: tuple[int, ...], names: str) -> str:
    """Ask for the axes that a file does not say."""
    start = f"{image.name} has {len(shape)} axes {shape} and does not say what they are."
    if len(shape) != 3:
        return f"{start} Add --axes with one letter of {AXES} an axis, such as --axes {'TCZYX'[-len(shape) :]}."
    channels = ", CYX if channels" if shape[0] <= 8 else ""
    return f"{start} Add --axes TYX if it is a movie, ZYX if a stack{channels}."


def _picked(image: Image, channel: str | int) -> Image:
    """Keep one channel, and lose the axis."""
    names, count = image.channel_names, image.size("C")
    if "C" not in image.axes:
        raise InputError(f"{image.name} has no channels (axes {image.axes}): leave --channel out.")
    index = names.index(channel) if channel in names else int(channel) if str(channel).isdecimal() else -1
    if not 0 <= index < count:
        listed = ", ".join(f"{k} ({name})" for k, name in enumerate(names)) or f"0 to {count - 1}"
        raise InputError(f"{image.name} has no channel {channel}: choose one of {listed}.")
    axis = image.axes.index("C")
    keep = tuple(k for k in range(len(image.axes)) if k != axis)
    return replace(
        image,
        axes=image.axes.replace("C", ""),
        data=Lazy(image.data, image.name, keep, {axis: index}),
        channel_names=names[index : index + 1],
    )
