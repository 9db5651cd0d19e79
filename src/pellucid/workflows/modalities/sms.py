"""Simultaneous multi-slice magnetic resonance imaging, Cartesian and radial."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from scipy.linalg import dft, hadamard
from torch import Tensor

from pellucid._math.fft import fft
from pellucid.data.image import Image
from pellucid.data.io import kspace
from pellucid.data.measurement import Measurement
from pellucid.data.prepare.calibration import acquired, calibration_data
from pellucid.data.prepare.coil_array import compression, mix_coils
from pellucid.data.prepare.coils import espirit, low_resolution_maps
from pellucid.data.prepare.density import density_compensation
from pellucid.data.prepare.slice_grappa import Multiband
from pellucid.errors import InputError
from pellucid.operators.base import Operator
from pellucid.operators.nufft import NonUniformFourier
from pellucid.operators.sms import NonCartesianMultiSlice, SimultaneousMultiSlice, caipi_phases
from pellucid.operators.trajectories import GOLDEN_ANGLE, radial_trajectory
from pellucid.workflows.scan import Scan

LEAST = 8  # samples of k-space along each axis for ESPIRiT


def sms(
    path: Path,
    *,
    multiband: int = 2,
    single_band: str | None = None,
    encoding: Literal["none", "hadamard", "fourier"] = "none",
    caipi: str | None = None,
    trajectory: Literal["cartesian", "radial"] = "cartesian",
    spokes: Literal["half", "full", "golden"] = "full",
    turned: bool = False,
    delays: str = "0,0,0",
    oversampling: float = 2.0,
    calibration_width: int = 24,
    virtual_coils: int | None = None,
    dataset: str | None = None,
    pixel_mm: float | None = None,
    repetition_s: float | None = None,
) -> Scan:
    """Read the k-space of slices that were excited at once, find the coil maps of each, and set up their separation.

    Parameters
    ----------
    path
        The multiband scan (HDF5, .cfl or .npy), shape (coil, row, column) or (frame, coil, row, column), with an
        encoding (shot, coil, row, column); in BART's files shots are slices. Of a radial scan, rows are spokes.
    multiband
        Number of slices that were excited at once.
    single_band
        Scans of each slice alone, for the coil maps: files with commas between, in the order of the slices, or one
        file with a slice axis. Without them an encoding with as many shots as slices gives the maps.
    encoding
        By what each slice is multiplied in each shot: hadamard (plus and minus one), fourier (roots of one), or none.
    caipi
        Shift of each slice along the rows as a part of the field of view, with commas between, such as 0,0.5.
    trajectory
        On a Cartesian grid, or radial: spokes through the centre of k-space.
    spokes
        How their angles are spread: over half a turn, over a full turn, or by the golden angle.
    turned
        Whether the spokes of each shot lie between those of the others.
    delays
        Gradient delays of a radial scan along x and y, and the oblique one, in samples, such as -0.61,-0.65,0.
    oversampling
        Of a radial read-out.
    calibration_width
        Samples of the centre of k-space that coil maps are found from, along each axis, at most.
    virtual_coils
        Compress the coils to so many, the principal components: quicker, and nearly the same image.
    dataset
        Where k-space lies in an HDF5 file.
    pixel_mm
        Size of a pixel.
    repetition_s
        Time from one frame of a series to the next.
    """
    code = _encoding(encoding, multiband)
    data = torch.from_numpy(kspace.arrays(path, dataset=dataset))
    _check(data, code, path.name)
    data, references = _compressed(data, _references(single_band, dataset, multiband, data), virtual_coils)
    if trajectory == "radial":
        angles = _angles(data.shape[2], 1 if code is None else len(code), spokes, turned)
        points = [radial_trajectory(data.shape[3], a, delays=_three(delays)) for a in angles]
        size = round(data.shape[3] / oversampling)
        measurement, maps, how = _radial(
            data, references, torch.cat(points), code, (size, size, calibration_width, spokes)
        )
    else:
        measurement, maps, how = _cartesian(data, references, code, _shifts(caipi, multiband), calibration_width)
    return Scan(
        measurement=measurement,
        image=lambda x: _magnitude(x * torch.linalg.vector_norm(maps, dim=2), pixel_mm, repetition_s),
        quantity="magnitude",
        method="cg",
        suffix=".nii.gz",
        sidecar=_sidecar(measurement.operator, multiband, repetition_s),
        notes=(f"{multiband} slices at once, {data.shape[1]} coils, {_layout(data, code, trajectory)}.", how),
    )


def _compressed(data: Tensor, references: Tensor | None, count: int | None) -> tuple[Tensor, Tensor | None]:
    """Return both scans with fewer coils."""
    if count is None:
        return data, references
    mix = compression(data, count)
    return mix_coils(mix, data), None if references is None else mix_coils(mix, references)


def _cartesian(
    data: Tensor, references: Tensor | None, code: Tensor | None, shifts: Tensor | None, width: int
) -> tuple[Measurement, Tensor, str]:
    rows = data.shape[2]
    phases = None if shifts is None else caipi_phases(shifts, rows)
    single = None if references is None or code is not None else calibration_data(references, None)
    if references is None:
        references = _decoded(data, code)
        if phases is not None:
            turns = phases.movedim(1, 0)
            references = references * torch.polar(torch.ones_like(turns), -turns).to(references.dtype)
    maps, how = _maps(calibration_data(references, width), tuple(data.shape[2:]))
    y = data if code is None else data.movedim(0, 1)[None]
    mask = acquired(data).any(0)[None] if code is None else acquired(y)
    operator = SimultaneousMultiSlice(maps, phases=phases, encoding=code, mask=mask)
    if single is None:
        return Measurement(y=y, operator=operator), maps, how
    return Multiband(y=y, operator=operator, single_band=single, shifts=shifts), maps, how


def _radial(
    data: Tensor, references: Tensor | None, points: Tensor, code: Tensor | None, geometry: tuple[int, int, int, str]
) -> tuple[Measurement, Tensor, str]:
    *space, widest, spread = geometry
    density = density_compensation(points, tuple(space))
    fourier = NonUniformFourier(points, space=tuple(space), density=density)
    if references is None:
        images = _decoded(fourier.backproject(data.flatten(2)), code)
    else:
        images = fourier[0].backproject(references.flatten(2))
    lines = data.shape[2] // 2 if spread == "full" and data.shape[2] % 2 == 0 else data.shape[2]
    width = min(
        widest, 2 * round(lines / math.pi), *space
    )  # beyond, neighbouring spokes are further apart than 1 / FOV
    middle = [slice(n // 2 - width // 2, n // 2 - width // 2 + width) for n in space]
    maps, how = _maps(fft(images, 2)[..., middle[0], middle[1]], tuple(space))
    y = data[:, :, None].flatten(3) if code is None else data.movedim(0, 1)[None].flatten(3)
    operator = NonCartesianMultiSlice(maps, points, encoding=code, density=density)
    return Measurement(y=y, operator=operator), maps, how


def _maps(region: Tensor, space: tuple[int, ...]) -> tuple[Tensor, str]:
    """Return coil maps of each slice from the centre of its k-space, shape (1, slice, coil, row, column)."""
    width = " x ".join(map(str, region.shape[2:]))
    if min(region.shape[2:]) < LEAST:
        return low_resolution_maps(region, space)[None], f"Coil maps from images of low resolution, {width} samples."
    maps = torch.cat([espirit(part[None], space) for part in region])
    return maps[None], f"Coil maps by ESPIRiT from {width} samples of the centre of k-space."


def _decoded(shots: Tensor, code: Tensor | None) -> Tensor:
    """Return every slice alone, from as many shots of the same samples."""
    if code is None:
        raise InputError(
            "The coil maps of slices that were only ever measured together are not known: give scans of each slice "
            "alone with --single-band."
        )
    return torch.einsum("st,t...->s...", torch.linalg.inv(code), shots)


def _references(text: str | None, dataset: str | None, multiband: int, data: Tensor) -> Tensor | None:
    """Return the scans of each slice alone, shape (slice, coil, row, column)."""
    if not text:
        return None
    parts = [torch.from_numpy(kspace.arrays(Path(name.strip()), dataset=dataset)) for name in text.split(",")]
    if len({tuple(part.shape[1:]) for part in parts}) > 1 or parts[0].shape[1:] != data.shape[1:]:
        raise InputError(
            f"The single-band scans have the shapes {', '.join(str(tuple(p.shape[1:])) for p in parts)} (coil, row, "
            f"column), and the multiband scan has {tuple(data.shape[1:])}: give scans of the same coils and samples."
        )
    scans = torch.cat(parts)
    if len(scans) != multiband:
        raise InputError(f"--single-band gives {len(scans)} slices, and --multiband says {multiband}.")
    return scans


def _encoding(kind: str, multiband: int) -> Tensor | None:
    """Return by what each slice is multiplied in each shot, shape (shot, slice)."""
    if multiband < 1:
        raise InputError(f"--multiband is the number of slices, one or more; {multiband} is not.")
    if kind == "hadamard" and multiband & (multiband - 1):
        raise InputError(f"A Hadamard encoding needs 2, 4, 8 ... slices, not {multiband}: the fourier one takes any.")
    matrix = {"hadamard": lambda: hadamard(multiband), "fourier": lambda: dft(multiband).conj()}.get(kind)
    return None if matrix is None else torch.from_numpy(np.asarray(matrix(), np.complex64))


def _check(data: Tensor, code: Tensor | None, name: str) -> None:
    if code is not None and len(data) != len(code):
        raise InputError(f"{name} holds {len(data)} shots, and the encoding of {len(code)} slices has {len(code)}.")
    if not bool(torch.isfinite(torch.view_as_real(data)).all()) or not bool((data != 0).any()):
        raise InputError(f"The k-space of {name} is zero everywhere, or holds NaN or infinite values.")


def _angles(count: int, shots: int, spread: str, turned: bool) -> list[Tensor]:
    """Return the angles of the spokes of each shot; turned ones lie evenly between those of the first."""
    spoke = torch.arange(count, dtype=torch.float64)
    step = {"half": math.pi / count, "full": 2 * math.pi / count, "golden": GOLDEN_ANGLE}[spread]
    between = math.pi / (count * shots) if turned else 0.0
    return [step * spoke + between * shot for shot in range(shots if turned else 1)]


def _three(text: str) -> tuple[float, float, float]:
    x, y, oblique = _numbers(text, 3, "--delays")
    return x, y, oblique


def _shifts(text: str | None, multiband: int) -> Tensor | None:
    return None if text is None else torch.tensor(_numbers(text, multiband, "--caipi"), dtype=torch.float64)


def _numbers(text: str, count: int, flag: str) -> list[float]:
    try:
        found = [float(word) for word in text.split(",")]
    except ValueError:
        found = []
    if len(found) != count:
        raise InputError(f"{flag} takes {count} numbers with commas between, not {text}.")
    return found


def _layout(data: Tensor, code: Tensor | None, trajectory: str) -> str:
    first, _, rows, columns = data.shape
    leading = f"{first} {'frame' if code is None else 'shot'}{'s' * (first > 1)} of "
    return leading + (f"{rows} spokes of {columns} samples" if trajectory == "radial" else f"{rows} x {columns}")


def _sidecar(operator: Operator, multiband: int, repetition_s: float | None) -> dict[str, Any]:
    """Return what is known of a series, by the names of BIDS."""
    facts: dict[str, Any] = {"MultibandAccelerationFactor": multiband}
    if repetition_s is not None:
        facts["RepetitionTime"] = repetition_s
    if isinstance(operator, SimultaneousMultiSlice) and operator.acquired is not None:
        rows = operator.acquired.any(-1).flatten(0, -2).any(0).nonzero()[:, 0]
        steps = torch.unique(rows.diff()).tolist()
        facts |= {"ParallelReductionFactorInPlane": steps[0]} if len(steps) == 1 else {}
    return facts


def _magnitude(x: Tensor, pixel_mm: float | None, repetition_s: float | None) -> Image:
    image = x.abs()
    several = len(image) > 1
    scale = {} if pixel_mm is None else {"Y": pixel_mm, "X": pixel_mm}
    units = dict.fromkeys(scale, "millimeter")
    if several and repetition_s is not None:
        scale, units = {"T": repetition_s} | scale, {"T": "second"} | units
    numbers = image.numpy() if several else image[0].numpy()
    return Image(data=numbers, axes="TZYX"[not several :], scale=scale, units=units)
