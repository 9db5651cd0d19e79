"""Nikon ND2, through the extra ``formats``."""

from __future__ import annotations

import weakref
from pathlib import Path

from pellucid.data.image import Image

LETTERS = {"P": "S", "S": "C"}  # stage positions are samples; the samples of a pixel are channels


def read(path: Path) -> Image:
    """Read an ND2; stage positions become the axis `S`, colours become channels."""
    import nd2

    file = nd2.ND2File(path)
    try:
        data = file.to_dask()
        axes = "".join(LETTERS.get(name, name if name in set("TCZYX") else "?") for name in file.sizes)
        voxel = file.voxel_size()
        scale = {a: float(size) for a, size in zip("XYZ", voxel, strict=True) if size and size > 0}
        units = dict.fromkeys(scale, "micrometer")
        period = next((loop.parameters.periodMs for loop in file.experiment if loop.type == "TimeLoop"), 0.0)
        if period > 0:
            scale, units = scale | {"T": period / 1e3}, units | {"T": "second"}
        names = tuple(channel.channel.name for channel in file.metadata.channels or ())
    except BaseException:
        file.close()
        raise
    weakref.finalize(data, file.close)
    return Image(data=data, axes=axes, scale=scale, units=units, channel_names=names, format="nd2")
