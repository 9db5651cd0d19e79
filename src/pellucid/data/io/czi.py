"""Zeiss CZI, through the extra ``czi``."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

from pellucid.data.image import Image
from pellucid.data.io.planes import Planes
from pellucid.errors import InputError

PIXELS = {"Gray8": "uint8", "Gray16": "uint16", "Gray32Float": "float32", "Bgr24": "uint8", "Bgr48": "uint16"}


def read(path: Path) -> Image:
    """Read a CZI at full resolution: the bounding box of all its tiles, zero where there is none.

    Colours become channels, in the order blue, green, red of the file.

    Raises
    ------
    InputError
        If the channels do not share one type of pixel.
    """
    from pylibCZIrw import czi

    context = czi.open_czi(str(path))
    document = context.__enter__()
    try:
        image = _image(document, path)
    except BaseException:
        context.__exit__(None, None, None)
        raise
    weakref.finalize(image.data, context.__exit__, None, None, None)
    return image


def _image(document: Any, path: Path) -> Image:
    bounds, box = dict(document.total_bounding_box), document.total_bounding_rectangle
    kind, *others = set(document.pixel_types.values())
    if others or kind not in PIXELS:
        raise InputError(f"{path.name} holds pixels of the kinds {sorted([kind, *others])}: export it as OME-TIFF.")
    names = sorted(set(bounds) - set("YX"), key="TCZ".find)  # its other dimensions come first
    first = [bounds[name][0] for name in names]

    def plane(index: tuple[int, ...], rows: slice, columns: slice) -> Any:
        at = {name: a + i for name, a, i in zip(names, first, index, strict=True)}
        roi = (
            box.x + columns.start,
            box.y + rows.start,
            columns.stop - columns.start,
            rows.stop - rows.start,
        )
        return document.read(plane=at, roi=roi)

    colour = kind.startswith("Bgr")
    lead = tuple(bounds[name][1] - bounds[name][0] for name in names)
    metadata = document.metadata["ImageDocument"]["Metadata"]
    scale = _scale(metadata)
    return Image(
        data=Planes(lead, (box.h, box.w, 3 if colour else 1), PIXELS[kind], plane),
        axes="".join(name if name in ("TZ" if colour else "TCZ") else "?" for name in names) + "YX" + "?C"[colour],
        scale=scale,
        units=dict.fromkeys(scale, "micrometer"),
        channel_names=("blue", "green", "red") if colour else _channel_names(metadata),
        format="czi",
    )


def _scale(metadata: Any) -> dict[str, float]:
    """Return the pixel sizes in micrometres; the file gives metres, and zero for unknown."""
    items = ((metadata.get("Scaling") or {}).get("Items") or {}).get("Distance") or []
    items = items if isinstance(items, list) else [items]
    return {item["@Id"]: float(item["Value"]) * 1e6 for item in items if float(item.get("Value") or 0) > 0}


def _channel_names(metadata: Any) -> tuple[str, ...]:
    dimensions = (metadata.get("Information") or {}).get("Image", {}).get("Dimensions") or {}
    channels = (dimensions.get("Channels") or {}).get("Channel") or []
    channels = channels if isinstance(channels, list) else [channels]
    names = tuple(channel.get("@Name") or "" for channel in channels)
    return names if all(names) else ()
