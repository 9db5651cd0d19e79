"""Electron tomography from a tilt series."""

from __future__ import annotations

from dataclasses import dataclass
from math import degrees, radians
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pellucid.data.image import Image
from pellucid.data.io import read
from pellucid.data.io.angles import angles as angles_of
from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.operators.radon import Window
from pellucid.operators.tilt import Tilt
from pellucid.workflows.scan import Scan

_SIDECARS = (".rawtlt", ".tlt")


def tilt(
    path: Path,
    *,
    angles: str | None = None,
    tilt_axis: float = 0.0,
    shift_px: float = 0.0,
    planes: int | None = None,
    level: bool = False,
    window: Window = "ramp",
) -> Scan:
    """Density from projections of a specimen that is tilted about one axis.

    Parameters
    ----------
    path
        A stack of aligned views (view, row, column): MRC, or TIFF.
    angles
        A text file with one tilt in degrees a view, or START:STOP:N; the .rawtlt or .tlt file of the same name beside
        the stack unless given.
    tilt_axis
        Of the tilt axis against the y axis of the views, in degrees, from x towards y.
    shift_px
        Of the tilt axis from the middle of the views, in pixels across the axis.
    planes
        Thickness of the volume in pixels; as many as there are columns across the axis unless given.
    level
        Whether the mean of every view is taken away, as for a slab that is wider than the views.
    window
        Of the ramp filter: ramp is the sharpest, hann the smoothest.
    """
    stack = _stack(path)
    views = np.asarray(stack.data, np.float32)
    if not np.isfinite(views).all():
        raise InputError(f"{path.name} holds NaN or infinite values: leave those views out.")
    theta = angles_of(angles if angles is not None else _beside(path), len(views), path.name)
    if abs(theta).max() > radians(90) + 1e-6:
        raise InputError(f"A tilt lies between -90 and 90 degrees; {path.name} has {degrees(abs(theta).max()):.4g}.")
    if level:
        views = views - views.mean((1, 2), keepdims=True)
    lying = round(tilt_axis / 90) % 2  # the axis, along the rows of pixels
    rows, columns = views.shape[:0:-1] if lying else views.shape[1:]
    space, turn = (planes or columns, rows, columns), radians(tilt_axis)
    operator = Tilt(torch.from_numpy(theta)[None], space=space, tilt_axis=turn, shift=shift_px, window=window)
    missing = 180 - degrees(np.ptp(theta))
    return Scan(
        measurement=Measurement(y=torch.from_numpy(views)[None, None], operator=operator),
        image=_Volume(path, stack.scale.get("X"), stack.units.get("X")),
        quantity="density",
        method="fbp",
        suffix=".mrc",
        notes=(
            f"{len(views)} views from {degrees(theta.min()):.4g} to {degrees(theta.max()):.4g} degrees, tilt axis at "
            f"{tilt_axis:g} degrees.",
            f"A wedge of {missing:.3g} degrees around the beam is missing: edges across the beam are not seen.",
        ),
    )


@dataclass(frozen=True)
class _Volume:
    """Turns a volume, (1, 1, z, y, x), into an image."""

    source: Path
    size: float | None
    unit: str | None

    def __call__(self, x: Tensor) -> Image:
        scale = {} if self.size is None else dict.fromkeys("ZYX", self.size)
        units = {} if self.unit is None else dict.fromkeys("ZYX", self.unit)
        return Image(data=x[0, 0].numpy(), axes="ZYX", scale=scale, units=units, source=self.source)


def _stack(path: Path) -> Image:
    try:
        stack = read(path)
    except InputError as error:
        if "--axes" not in str(error):
            raise
        stack = read(path, axes="ZYX")
    if len(stack.axes) != 3 or stack.dtype.kind not in "iuf" or min(stack.shape[1:]) < 2:
        raise InputError(
            f"{path.name} holds {stack.dtype} {stack.shape}, and a tilt series is a stack of real images (view, row, "
            "column)."
        )
    return stack


def _beside(path: Path) -> Path:
    for suffix in _SIDECARS:
        if (found := path.with_suffix(suffix)).is_file():
            return found
    raise InputError(
        f"The tilts of {path.name} are not known: put them beside it as {path.stem}.rawtlt, one angle in degrees a "
        "line, or give --angles."
    )
