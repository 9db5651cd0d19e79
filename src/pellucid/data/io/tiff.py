"""TIFF, OME-TIFF and ImageJ hyperstacks."""

from __future__ import annotations

import json
import logging
import warnings
import weakref
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from pellucid.data.image import AXES, ArrayLike, Image
from pellucid.data.io.colour import without_alpha
from pellucid.data.io.lazy import SMALL, Lazy, require_memory
from pellucid.data.io.rows import Rows
from pellucid.data.io.units import UNITS, unit_name
from pellucid.errors import InputError

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # errors are raised here, not printed there

LETTERS = {letter: letter for letter in "TCZYX"} | {"S": "C"}  # S is tifffile's samples of one pixel
OME_DTYPES = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"]
NAMESPACE = "pellucid"


@dataclass
class Facts:
    """What a TIFF says about its pixels."""

    scale: dict[str, float] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    channel_names: tuple[str, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)

    def add(self, axis: str, size: Any, unit: str | None) -> None:
        """Note a pixel size, if it is a positive number in a known unit."""
        if size is not None and unit is not None and np.isfinite(float(size)) and float(size) > 0:
            self.scale[axis], self.units[axis] = float(size), unit


def read(path: Path) -> Image:
    """Read a TIFF; images above 256 MiB stay in the file, and are read strip by strip or tile by tile.

    Raises
    ------
    InputError
        If the file is cut short, declares more than it holds, or its planes lie in files that are missing.
    """
    with _announced(path.name), ExitStack() as stack:
        tif = stack.enter_context(tifffile.TiffFile(path))
        series = tif.series[0]
        if len(tif.series) > 1:
            warnings.warn(
                f"{path.name} holds {len(tif.series)} images; the first, {series.shape}, is read.",
                stacklevel=2,
            )
        _require_whole(tif, series, path.name)
        facts = _ome_facts(tif.ome_metadata) if tif.is_ome else _imagej_facts(tif) if tif.is_imagej else Facts()
        letters = LETTERS | ({"R": "S"} if tif.is_ome else {})
        axes = "".join(letters.get(letter, "?") for letter in series.axes)
        data, axes = _as_written(_data(series, path, stack), axes, facts.notes.get("axes", ""), path.name)
        return Image(
            data=data,
            axes=axes,
            scale=facts.scale,
            units=facts.units,
            channel_names=facts.channel_names,
            format="ome-tiff" if tif.is_ome else "imagej" if tif.is_imagej else "tiff",
            provenance=_mapping(facts.notes.get("provenance", "{}")),
        )


@contextmanager
def _announced(name: str) -> Iterator[None]:
    """Turn the errors that tifffile logs, and reads on, into one warning."""
    errors: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: errors.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("tifffile")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
    if errors:
        warnings.warn(f"{name} has damaged tags; axes and pixel sizes may be missing ({errors[0]:.80}).", stacklevel=2)


def _require_whole(tif: Any, series: Any, name: str) -> None:
    """Refuse a file that ends before its pages do, before any memory is asked for."""
    if series.dtype is None or not series.shape:
        raise InputError(f"{name} holds no image that can be read: its TIFF tags are damaged or of an unknown kind.")
    count, handle = len(tif.pages), tif.filehandle
    handle.seek(tif.pages.next_page_offset)
    pointer = handle.read(tif.tiff.offsetsize)
    if any(pointer) or len(pointer) < tif.tiff.offsetsize:
        raise InputError(f"{name} is cut short: it ends after {count} pages and announces more; copy it again.")
    if None in series.pages:
        raise InputError(f"{name} refers to planes in other files that are not beside it; put them there.")
    held = 0
    for page in series.pages:
        ends = zip(page.dataoffsets, page.databytecounts, strict=True)
        if any(start + length > page.parent.filehandle.size for start, length in ends):
            raise InputError(f"{name} is cut short: it declares more pixels than the file holds; copy it again.")
        held += sum(page.databytecounts)
    whole = series.dataoffset is not None and series.dataoffset + series.nbytes <= handle.size
    if series.keyframe.compression == 1 and held < series.nbytes and not whole:
        raise InputError(f"{name} is damaged: it declares {series.nbytes:,} bytes of pixels and holds {held:,}.")


def _data(series: Any, path: Path, stack: ExitStack) -> ArrayLike:
    """Return the pixels; where they are read later, the file stays open as long as they live."""
    page = series.keyframe
    if "S" in series.axes and any(kind in (1, 2) for kind in page.extrasamples):
        require_memory(series.nbytes, path.name)
        return without_alpha(np.asarray(series.asarray()), series.axes.index("S"), path.name)
    if series.dataoffset is not None and page.is_memmappable:
        dtype = series.dtype.newbyteorder(page.parent.byteorder)
        return np.memmap(path, dtype, "r", series.dataoffset, tuple(series.shape))
    if series.nbytes <= SMALL:
        return np.asarray(series.asarray())
    import zarr

    chunks = zarr.open_array(series.aszarr(level=0), mode="r")
    require_memory(prod(chunks.chunks) * series.dtype.itemsize, path.name)
    weakref.finalize(chunks, stack.pop_all().close)
    array: ArrayLike = chunks
    return array


def _as_written(data: ArrayLike, axes: str, noted: str, name: str) -> tuple[ArrayLike, str]:
    """Give an image that Pellucid wrote the axes of length one back, which OME does not tell apart."""
    fits = set(axes) <= set(noted) <= set(AXES) and [a for a in noted if a in axes] == list(axes)
    if not noted or not fits or len(set(noted)) != len(noted):
        return data, axes
    return Lazy(data, name, tuple(axes.index(a) if a in axes else None for a in noted)), noted


def _ome_facts(xml: str) -> Facts:
    facts, root = Facts(), ElementTree.fromstring(xml)
    pixels = root.find("{*}Image/{*}Pixels")
    if pixels is None:
        return facts
    for axis in "ZYX":
        unit = unit_name(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        facts.add(axis, pixels.get(f"PhysicalSize{axis}"), unit)
    facts.add("T", pixels.get("TimeIncrement"), unit_name(pixels.get("TimeIncrementUnit", "s")))
    names = [channel.get("Name", "") for channel in pixels.findall("{*}Channel")]
    facts.channel_names = tuple(names) if all(names) else ()
    for note in root.findall(f"{{*}}StructuredAnnotations/{{*}}MapAnnotation[@Namespace='{NAMESPACE}']"):
        facts.notes |= {entry.get("K", ""): entry.text or "" for entry in note.findall("{*}Value/{*}M")}
    return facts


def _imagej_facts(tif: Any) -> Facts:
    facts, metadata, tags = Facts(), tif.imagej_metadata or {}, tif.pages[0].tags
    unit = unit_name(str(metadata.get("unit", "")))
    for axis in "YX":
        numerator, denominator = tags.valueof(f"{axis}Resolution", (0, 1))
        facts.add(axis, denominator / numerator if numerator else None, unit)
    facts.add("Z", metadata.get("spacing"), unit)
    facts.add("T", metadata.get("finterval"), unit_name(str(metadata.get("tunit", "s"))))
    return facts


def _mapping(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


@contextmanager
def writing(path: Path, like: Image, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[Rows]:
    """Write an OME-TIFF: uncompressed, one page a plane, all planes in one piece, BigTIFF above 4 GB.

    The axes and the provenance go into a map annotation in the name space ``pellucid``. OME has no axis
    for samples: `S` is written as tiles (``ModuloAlong...``).
    """
    if dtype.name not in OME_DTYPES:
        raise InputError(f"OME-TIFF cannot hold {dtype.name} numbers: use float32, or write .ome.zarr or .npy.")
    if len(shape) > 5:
        raise InputError(f"OME-TIFF holds at most 5 axes, and the image has {like.axes} {shape}: write .npy.")
    with tifffile.TiffWriter(
        path, byteorder="<", bigtiff=prod(shape) * dtype.itemsize > 2**32 - 2**25, ome=True
    ) as tif:
        offset, _ = tif.write(
            shape=shape,
            dtype=dtype,
            photometric="minisblack",
            returnoffset=True,
            metadata=_ome_metadata(like),
        )
    with path.open("r+b") as file:
        yield Rows(file, offset, shape, dtype.newbyteorder("<"))


def _ome_metadata(like: Image) -> Mapping[str, Any]:
    """Return the metadata that tifffile turns into OME-XML."""
    metadata: dict[str, Any] = {"axes": like.axes.replace("S", "R")}
    for axis, size in like.scale.items():
        if axis in "TZYX" and like.units.get(axis) in UNITS:
            key = "TimeIncrement" if axis == "T" else f"PhysicalSize{axis}"
            metadata |= {key: size, f"{key}Unit": UNITS[like.units[axis]][0]}
    if len(like.channel_names) == like.size("C"):
        metadata["Channel"] = {"Name": list(like.channel_names)}
    notes = {"axes": like.axes, "provenance": json.dumps(dict(like.provenance))}
    return metadata | {"MapAnnotation": {"Namespace": NAMESPACE} | notes}
