"""X-ray computed tomography."""

from __future__ import annotations

from dataclasses import dataclass
from math import degrees, pi
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from pellucid.data.image import Image
from pellucid.data.io.angles import angles as angles_of
from pellucid.data.io.projections import Order, Projections, read
from pellucid.data.measurement import Measurement
from pellucid.data.prepare.tomography import (
    find_centre,
    line_integrals,
    noise_of_line_integrals,
    transmission,
    without_rings,
)
from pellucid.errors import InputError
from pellucid.noise import Gaussian
from pellucid.operators.radon import Radon, Window
from pellucid.workflows.scan import Scan

Recorded = Literal["auto", "counts", "transmission", "integrals"]


def ct(
    path: Path,
    *,
    angles: str | None = None,
    centre: float | None = None,
    rows: str | None = None,
    recorded: Recorded = "auto",
    floor: float | None = None,
    ring: bool = False,
    window: Window = "ramp",
    order: Order = "projections",
    pixel_size_um: float | None = None,
) -> Scan:
    """Attenuation from parallel-beam X-ray projections, slice by slice.

    Parameters
    ----------
    path
        NXtomo or DXchange HDF5, NPZ with named arrays, or one sinogram or a stack as TIFF, NPY or MRC.
    angles
        START:STOP in degrees, even steps up to but without STOP; START:STOP:N with STOP; or a text file with one angle
        a view. From the file unless given.
    centre
        Detector column on which the axis of rotation falls, counted from 0; found unless given.
    rows
        START:STOP, the detector rows to reconstruct; all of them unless given.
    recorded
        counts, with white fields; transmission, the part of the beam that passed; or integrals, its negative
        logarithm. auto takes counts where the file has white fields, and integrals elsewhere.
    floor
        The least transmission that counts, for rays that hardly any light passed.
    ring
        Whether stripes of the sinogram, which make rings, are taken away.
    window
        Of the ramp filter: ramp is the sharpest, hann the smoothest.
    order
        Of a stack in NPZ, TIFF, NPY or MRC: projections (angle, row, column) or sinograms (row, angle, column).
    pixel_size_um
        Of the detector, divided by the magnification: attenuation is then per micrometre, not per pixel.
    """
    found = read(path, rows=_rows(rows), order=order)
    theta = _angles(found, angles, path.name)
    y, variance = _line_integrals(found, _kind(found, recorded, path.name), floor)
    if ring:
        y = without_rings(y)
    middle = find_centre(y[len(y) // 2], theta) if centre is None else centre
    columns = y.shape[2]
    operator = Radon(
        torch.from_numpy(theta)[None], space=(columns, columns), detector=columns, centre=middle, window=window
    )
    return Scan(
        measurement=Measurement(
            y=torch.from_numpy(y[:, None].astype(np.float32)),
            operator=operator,
            weight=None if variance is None else _weight(variance),
            noise=None if variance is None else Gaussian(torch.from_numpy(variance[:, None]).float().sqrt()),
        ),
        image=_Slices(path, pixel_size_um),
        quantity="attenuation per " + ("pixel" if pixel_size_um is None else "micrometre"),
        method="fbp",
        notes=_notes(found, theta, middle, centre is None, variance),
    )


@dataclass(frozen=True)
class _Slices:
    """Turns slices, (row, 1, y, x), into an image."""

    source: Path
    pixel_size_um: float | None

    def __call__(self, x: Tensor) -> Image:
        size = self.pixel_size_um
        numbers = x[:, 0].numpy() / (size or 1.0)
        axes = "YX" if len(numbers) == 1 else "ZYX"
        return Image(
            data=numbers[0] if axes == "YX" else numbers,
            axes=axes,
            scale=dict.fromkeys(axes, size) if size else {},
            units=dict.fromkeys(axes, "micrometer") if size else {},
            source=self.source,
        )


def _notes(found: Projections, theta: Any, middle: float, sought: bool, variance: Any) -> tuple[str, ...]:
    slices, views, columns = found.sinograms.shape
    span = f"{degrees(theta.min()):.4g} to {degrees(theta.max()):.4g} degrees"
    notes = [
        f"{found.source}: {slices} slice{'s' * (slices > 1)}, {views} angles from {span}, {columns} columns.",
        f"Centre of rotation {middle:.2f}, {'found' if sought else 'given'}.",
    ]
    if variance is not None:
        notes.append(f"Noise of a ray {float(np.sqrt(variance.mean())):.3g}, from the white fields.")
    return tuple(notes)


def _rows(text: str | None) -> slice:
    parts = [] if text is None else text.split(":")
    if text is not None and (len(parts) != 2 or not all(part.isdecimal() for part in parts)):
        raise InputError(f"--rows takes START:STOP, such as 100:110, not {text}.")
    return slice(*map(int, parts)) if parts else slice(None)


def _angles(found: Projections, given: str | None, name: str) -> Any:
    views = found.sinograms.shape[1]
    if given is not None:
        return angles_of(given, views, name)
    if found.angles is None:
        raise InputError(f"{name} does not say its {views} angles: give them, such as --angles 0:180, or a text file.")
    if np.ptp(found.angles) > 8 * pi:
        raise InputError(
            f"The angles of {name} span {np.ptp(found.angles) / (2 * pi):.0f} turns, which is probably another unit: "
            "give them with --angles."
        )
    return found.angles.astype(np.float64)


def _kind(found: Projections, recorded: Recorded, name: str) -> str:
    if recorded == "auto":
        return "integrals" if found.white is None else "counts"
    if recorded == "counts" and found.white is None:
        raise InputError(f"{name} has no white fields, which counts need: give --recorded transmission or integrals.")
    return recorded


def _line_integrals(found: Projections, kind: str, floor: float | None) -> tuple[Any, Any]:
    """Return line integrals and their variance, or None where it is not known: (row, angle, column)."""
    counts = found.sinograms.astype(np.float64)
    if kind == "integrals":
        if not np.isfinite(counts).all():
            raise InputError("Some line integrals are NaN or infinite: leave those views out, or mend them.")
        return counts, None
    if kind == "transmission" or found.white is None:
        return line_integrals(counts, floor=floor), None
    y = line_integrals(transmission(counts, found.white, found.dark), floor=floor)
    return y, noise_of_line_integrals(counts, found.white, found.dark)


def _weight(variance: Any) -> Tensor:
    """Return how much each ray counts, one on average: the inverse of its variance."""
    return torch.from_numpy((1 / variance) / (1 / variance).mean())[:, None].float()
