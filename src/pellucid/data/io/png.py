"""PNG: 8 and 16 bits, grey or colour."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

from pellucid.data.image import Image
from pellucid.data.io.colour import without_alpha
from pellucid.data.io.lazy import require_memory
from pellucid.errors import InputError


def read(path: Path) -> Image:
    """Read a PNG at once; colours become channels.

    Raises
    ------
    InputError
        If the header declares more than the memory holds, or the opacity varies.
    """
    encoded = path.read_bytes()
    width, height = int.from_bytes(encoded[16:20], "big"), int.from_bytes(encoded[20:24], "big")
    samples, bytes_each = {0: 1, 2: 3, 3: 4, 4: 2}.get(encoded[25], 4), 2 if encoded[24] == 16 else 1
    require_memory(width * height * samples * bytes_each, path.name)
    pixels = np.asarray(imagecodecs.png_decode(encoded))
    if pixels.ndim == 3 and pixels.shape[-1] in (2, 4):
        pixels = without_alpha(pixels, 2, path.name)
    if pixels.ndim == 3 and pixels.shape[-1] == 1:  # grey with an opacity that said nothing
        pixels = pixels[..., 0]
    return Image(data=pixels, axes="YXC"[: pixels.ndim], format="png")


@contextmanager
def writing(path: Path, like: Image, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[np.ndarray[Any, Any]]:
    """Write a grey image YX or a colour image CYX of three channels."""
    if dtype.name not in ("uint8", "uint16"):
        raise InputError(
            f"PNG holds uint8 or uint16 numbers, not {dtype.name}: write .ome.tif, or ask for --dtype input."
        )
    if like.axes != "YX" and not (like.axes == "CYX" and shape[0] == 3):
        raise InputError(f"PNG holds one plane, grey or of three colours, not {like.axes} {shape}: write .ome.tif.")
    pixels = np.zeros(shape, dtype)
    yield pixels
    encoded = imagecodecs.png_encode(np.ascontiguousarray(np.moveaxis(pixels, 0, -1) if pixels.ndim == 3 else pixels))
    path.write_bytes(encoded)
