"""Leica LIF, through the extra ``formats``."""

from __future__ import annotations

import warnings
import weakref
from pathlib import Path
from typing import Any

from pellucid.data.image import Image
from pellucid.data.io.planes import Planes
from pellucid.errors import InputError

LETTERS = {"λ": "C", "Λ": "C", "S": "C"} | {letter: letter for letter in "TCZYX"}


def read(path: Path) -> Image:
    """Read the first image of a LIF; emission or excitation wavelengths and colours become channels."""
    import liffile

    file = liffile.LifFile(path)
    try:
        images = list(file.images)
        if not images:
            raise InputError(f"{path.name} holds no image.")
        if len(images) > 1:
            warnings.warn(
                f"{path.name} holds {len(images)} images; the first, {images[0].name}, is read.", stacklevel=2
            )
        image = _image(images[0])
    except BaseException:
        file.close()
        raise
    weakref.finalize(image.data, file.close)
    return image


def _image(image: Any) -> Image:
    names = list(image.dims)
    split = names.index("Y")

    def plane(index: tuple[int, ...], rows: slice, columns: slice) -> Any:
        at = dict(zip(names[:split], index, strict=True))
        return image.frames(**at).asarray()[rows, columns]

    scale, units = {}, {}
    for name in set("TZYX") & set(image.coords):
        first, *_, last = image.coords[name]
        if last != first:
            scale[name] = abs(float(last - first)) / (image.sizes[name] - 1) * (1.0 if name == "T" else 1e6)
            units[name] = "second" if name == "T" else "micrometer"
    waves = [image.coords[name] for name in "λΛ" if name in image.coords]
    return Image(
        data=Planes(tuple(image.shape[:split]), tuple(image.shape[split:]), image.dtype, plane),
        axes="".join(LETTERS.get(name, "?") for name in names),
        scale=scale,
        units=units,
        channel_names=tuple(f"{wave * 1e9:.0f} nm" for wave in waves[0]) if len(waves) == 1 else (),
        format="lif",
    )
