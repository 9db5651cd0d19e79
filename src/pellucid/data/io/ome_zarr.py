"""OME-Zarr 0.4 and 0.5, and plain Zarr arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from pellucid.data.image import AXES, Image
from pellucid.data.io.dtypes import to_dtype
from pellucid.data.io.lazy import require_memory
from pellucid.data.io.regions import spread
from pellucid.data.io.units import unit_name
from pellucid.errors import InputError

CHUNK = 512  # pixels along Y and X; also the size at which the pyramid ends
KINDS = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}
COLOURS = ("FFFFFF", "00FF00", "FF00FF", "00FFFF", "FFFF00", "FF0000", "0000FF")


def read(path: Path) -> Image:
    """Read the finest level of an OME-Zarr image, or a Zarr array; regions are read on request.

    A pixel size of one without a unit is what the format writes for unknown, and is left out.

    Raises
    ------
    InputError
        If the folder holds no image or several, or no plain numbers; Zarr itself refuses codecs that unpickle.
    """
    node = zarr.open(store=path, mode="r", use_consolidated=False)
    if isinstance(node, zarr.Array):
        names = getattr(node.metadata, "dimension_names", None) or ["?"] * node.ndim
        return Image(data=_numbers(node, path.name), axes="".join(_letter(name) for name in names), format="zarr")
    attributes = node.attrs.asdict()
    ome = attributes.get("ome", attributes)
    if "multiscales" not in ome:
        inside = ", ".join(sorted(name for name, _ in node.members())[:8]) or "nothing"
        raise InputError(f"{path.name} is a Zarr collection, not an image: give one image in it (it holds {inside}).")
    multiscale = ome["multiscales"][0]
    dataset = multiscale["datasets"][0]
    array = _numbers(node[dataset["path"]], path.name)
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in multiscale.get("axes", "tczyx")]
    letters = "".join(_letter(axis.get("name"), axis.get("type")) for axis in axes)
    if len(letters) != array.ndim:
        raise InputError(f"{path.name} names {len(letters)} axes for an array of shape {array.shape}: it is damaged.")
    sizes = _sizes(dataset, len(letters)) * _sizes(multiscale, len(letters))
    units = {a: unit_name(axis["unit"]) for a, axis in zip(letters, axes, strict=True) if axis.get("unit")}
    scale = {a: float(s) for a, s in zip(letters, sizes, strict=True) if units.get(a) or (a in "TZYX" and s != 1)}
    channels = (ome.get("omero") or {}).get("channels", [])
    names = tuple(str(channel.get("label", "")) for channel in channels)
    return Image(
        data=array,
        axes=letters,
        scale=scale,
        units={a: unit for a, unit in units.items() if unit},
        channel_names=names if all(names) else (),
        format="ome-zarr",
        header=str(ome.get("version", multiscale.get("version", "0.4"))),
        provenance=attributes["pellucid"] if isinstance(attributes.get("pellucid"), dict) else {},
    )


def _numbers(array: Any, name: str) -> Any:
    """Refuse what is no array of numbers, before a single chunk is decoded."""
    if not isinstance(array, zarr.Array) or array.dtype.kind not in "biufc":
        raise InputError(f"{name} holds no array of plain numbers at its finest level.")
    if 0 in array.shape:
        raise InputError(f"{name} is empty: its shape is {array.shape}.")
    require_memory(prod(array.chunks) * array.dtype.itemsize, name)
    return array


def _letter(name: Any, kind: Any = None) -> str:
    """Return the axis letter of a dimension name, or ``?``."""
    letter = str(name).upper()
    return letter if letter in set(AXES) else {"time": "T", "channel": "C"}.get(str(kind), "?")


def _sizes(node: Mapping[str, Any], count: int) -> Any:
    """Return the scale of a dataset or a multiscale."""
    for transformation in node.get("coordinateTransformations") or []:
        if transformation.get("type") == "scale" and "scale" in transformation:
            return np.asarray(transformation["scale"], np.float64).reshape(count)
    return np.ones(count)


class Ordered:
    """Assign blocks in the axes of the image to an array in the axes of the file."""

    def __init__(self, array: Any, order: tuple[int, ...], shape: tuple[int, ...]) -> None:
        self.array, self.order, self.shape = array, order, shape
        self.dtype = np.dtype(array.dtype)

    def __setitem__(self, region: Any, block: Any) -> None:
        target, values = spread(region, block, self.shape, self.dtype)
        self.array[tuple(target[axis] for axis in self.order)] = values.transpose(self.order)


@contextmanager
def writing(path: Path, like: Image, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[Ordered]:
    """Write an OME-Zarr with its pyramid; axes are put into the order that the format demands.

    The version is 0.5, or 0.4 where `like` was one. Two threads must not write into one chunk of 512 x 512.
    """
    version = "0.4" if like.format == "ome-zarr" and like.header == "0.4" else "0.5"
    if set("SC") <= set(like.axes):
        raise InputError(f"OME-Zarr cannot hold samples and channels at once ({like.axes}): pick one --channel.")
    order = tuple(sorted(range(len(shape)), key=lambda axis: "TSCZYX".index(like.axes[axis])))
    letters = "".join(like.axes[axis] for axis in order)
    group = zarr.create_group(path, zarr_format=2 if version == "0.4" else 3)
    level = _level(group, 0, tuple(shape[axis] for axis in order), dtype, letters)
    yield Ordered(level, order, shape)
    levels = [level]
    while max(levels[-1].shape[-2:]) > CHUNK:
        levels.append(_halved(group, levels[-1], len(levels), letters))
    group.attrs.update(_attributes(like, letters, levels, version))


def _level(group: Any, number: int, shape: tuple[int, ...], dtype: np.dtype[Any], letters: str) -> Any:
    chunks = (1,) * (len(shape) - 2) + tuple(min(n, CHUNK) for n in shape[-2:])
    old = group.metadata.zarr_format == 2
    return group.create_array(
        str(number),
        shape=shape,
        chunks=chunks,
        dtype=dtype,
        fill_value=0,
        dimension_names=None if old else [letter.lower() for letter in letters],
        chunk_key_encoding={"name": "v2" if old else "default", "separator": "/"},
    )


def _halved(group: Any, fine: Any, number: int, letters: str) -> Any:
    """Add the next level: means of 2 x 2 pixels; at an odd edge, of the pixels that are there."""
    rows, columns = fine.shape[-2:]
    shape = (*fine.shape[:-2], -(-rows // 2), -(-columns // 2))
    coarse = _level(group, number, shape, np.dtype(fine.dtype), letters)
    corners = np.ndindex(*shape[:-2], -(-shape[-2] // CHUNK), -(-shape[-1] // CHUNK))
    for *lead, row, column in corners:
        top, left = 2 * CHUNK * row, 2 * CHUNK * column
        block = np.asarray(fine[(*lead, slice(top, top + 2 * CHUNK), slice(left, left + 2 * CHUNK))], np.float64)
        block = np.pad(block, [(0, n % 2) for n in block.shape], mode="edge")
        mean = (block[::2, ::2] + block[1::2, ::2] + block[::2, 1::2] + block[1::2, 1::2]) / 4
        bottom, right = CHUNK * row + mean.shape[0], CHUNK * column + mean.shape[1]
        target = (*lead, slice(CHUNK * row, bottom), slice(CHUNK * column, right))
        coarse[target] = to_dtype(mean, coarse.dtype)
    return coarse


def _attributes(like: Image, letters: str, levels: list[Any], version: str) -> dict[str, Any]:
    axes = [
        {"name": a.lower()}
        | ({"type": KINDS[a]} if a in KINDS else {})
        | ({"unit": like.units[a]} if a in like.scale and a in like.units else {})
        for a in letters
    ]
    datasets = [
        {"path": str(number), "coordinateTransformations": _transformations(like, letters, number)}
        for number in range(len(levels))
    ]
    multiscale: dict[str, Any] = {"name": "image", "axes": axes, "datasets": datasets}
    ome: dict[str, Any] = {"multiscales": [multiscale]}
    if "C" in letters and len(like.channel_names) == like.size("C"):
        ome["omero"] = {"channels": _channels(like.channel_names, levels[-1], letters.index("C"))}
    if version == "0.4":
        multiscale["version"] = version
    notes = {"pellucid": dict(like.provenance)} if like.provenance else {}
    return (ome if version == "0.4" else {"ome": {"version": version} | ome}) | notes


def _transformations(like: Image, letters: str, number: int) -> list[dict[str, Any]]:
    """Return pixel size and first centre at level `number`: a mean of 2 x 2 pixels sits between them."""
    factor = [2.0**number if a in "YX" else 1.0 for a in letters]
    size = [like.scale.get(a, 1.0) for a in letters]
    scale = [s * f for s, f in zip(size, factor, strict=True)]
    shift = [s * (f - 1) / 2 for s, f in zip(size, factor, strict=True)]
    return [{"type": "scale", "scale": scale}, {"type": "translation", "translation": shift}]


def _channels(names: tuple[str, ...], level: Any, axis: int) -> list[dict[str, Any]]:
    """Return names and display ranges, from one plane of the coarsest level."""
    channels = []
    for number, name in enumerate(names):
        region = [n // 2 for n in level.shape[:-2]]
        region[axis] = number
        plane = np.asarray(level[tuple(region)])
        low, high = float(plane.min()), float(plane.max())
        window = {"start": low, "end": high, "min": low, "max": high}
        channels.append({"label": name, "color": COLOURS[number % len(COLOURS)], "active": True, "window": window})
    return channels
