"""Magnetic resonance imaging: Cartesian k-space of many coils."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pellucid._math.fft import fft, ifft
from pellucid.data.image import Image
from pellucid.data.io import kspace
from pellucid.data.kspace import KSpace
from pellucid.data.measurement import Measurement
from pellucid.data.prepare.calibration import calibration_data
from pellucid.data.prepare.coil_array import compression, mix_coils, whitening
from pellucid.data.prepare.coils import espirit, low_resolution_maps
from pellucid.errors import InputError
from pellucid.operators.mri import Sense
from pellucid.workflows.scan import Scan

_INSIDE = 0.1  # of the largest root sum of squares of coil maps: where they see the object
_UNIT, _FEW = 0.05, 0.05  # how far from one it may be, and in which part of the pixels it may be further


def mri(
    path: Path,
    *,
    dataset: str | None = None,
    slice_index: int | None = None,
    coil_maps: Path | None = None,
    maps_dataset: str = "coil_maps",
    calibration: Literal["espirit", "low_resolution"] = "espirit",
    calibration_width: int = 24,
    virtual_coils: int | None = None,
    undersample: int = 1,
    readout: Literal["rows", "columns"] | None = None,
    pixel_mm: float | None = None,
) -> Scan:
    """Read Cartesian k-space (fastMRI, ISMRMRD, BART, HDF5, NPY), find its coil maps, and set up SENSE.

    Parameters
    ----------
    path
        The scan. NPY and data sets of other HDF5 files have the shape (coil, row, column) or (slice, coil, row,
        column), with the centre of k-space in the middle, and zeros where nothing was measured.
    dataset
        Where k-space lies in an HDF5 file that is neither fastMRI's nor ISMRMRD.
    slice_index
        The one slice to reconstruct; all unless given.
    coil_maps
        A file with coil maps of the shape of k-space (HDF5, .cfl or .npy); found in the fully sampled centre of
        k-space unless given.
    maps_dataset
        Where the coil maps lie in an HDF5 file.
    calibration
        How coil maps are found: ESPIRiT, or low-resolution images over their root sum of squares.
    calibration_width
        Samples of the centre that are used for it along each axis, at most.
    virtual_coils
        Compress the coils to so many, the principal components: quicker, and nearly the same image.
    undersample
        Leave out measured lines: keep one in so many, and the lines of the calibration. To see what a method can do.
    readout
        The axis along which the samples of one echo lie; that of the file, or columns.
    pixel_mm
        Size of a pixel where the file does not say it.
    """
    scan = kspace.read(path, dataset=dataset, slice_index=slice_index)
    scan = _undersampled(scan, readout, undersample, calibration_width)
    y = torch.from_numpy(scan.data * scan.sampled[:, None])
    separate = None if scan.calibration is None else torch.from_numpy(scan.calibration)
    mix, told = _coil_array(scan, y if separate is None else separate, virtual_coils)
    y, separate = mix_coils(mix, y), None if separate is None else mix_coils(mix, separate)
    if coil_maps is not None:
        maps, how, warnings = _given_maps(coil_maps, maps_dataset, scan.data.shape)
        maps = mix_coils(mix, maps)
    else:
        source = y if separate is None else separate
        (maps, how), warnings = _found_maps(source, tuple(y.shape[2:]), calibration, calibration_width), ()
    mask = torch.from_numpy(scan.sampled)[:, None]
    matrix = scan.matrix or (y.shape[2], y.shape[3])
    y, maps, mask = _without_oversampling(y, maps, mask, matrix, scan.readout)
    # Maps that were found have unit size, and less at the edge of the object, where the image would be the brighter.
    size = torch.linalg.vector_norm(maps, dim=1) if coil_maps is None else torch.ones(())
    return Scan(
        measurement=Measurement(y=y, operator=Sense(maps, mask)),
        image=lambda x: _magnitude(x[:, 0] * size, matrix, scan.voxel_mm, pixel_mm),
        quantity="magnitude",
        method="cg" if bool(mask.all()) else "wavelet",
        suffix=".nii.gz",
        notes=(_described(scan), *told, how),
        warnings=warnings,
    )


def _described(scan: KSpace) -> str:
    slices, coils, rows, columns = scan.data.shape
    padding = f"; {scan.padding[0]} and {scan.padding[1]} lines beside them are padding" if any(scan.padding) else ""
    return (
        f"K-space of {slices} slice{'s' * (slices > 1)}, {coils} coils, {rows} x {columns}: "
        f"{100 * scan.sampled.mean():.1f} % of the samples were measured{padding}."
    )


def _coil_array(scan: KSpace, data: Tensor, virtual: int | None) -> tuple[Tensor, list[str]]:
    """Return the matrix that whitens and compresses the coils, and sentences on it."""
    mix, told = torch.eye(data.shape[1], dtype=data.dtype), []
    if scan.noise is not None:
        mix = whitening(torch.from_numpy(scan.noise))
        told += ["The noise scan made the noise of the coils white: the image is in units of its standard deviation."]
    if virtual is not None:
        mix = compression(mix_coils(mix, data), virtual) @ mix
        told += [f"{data.shape[1]} coils are compressed to {virtual}."]
    return mix, told


def _undersampled(scan: KSpace, readout: str | None, step: int, centre: int) -> KSpace:
    """Keep every `step`-th line along the phase encoding, counted from the middle one, and the `centre` lines there."""
    if step < 1:
        raise InputError(f"--undersample keeps one line in so many, 1 or more; {step} is not.")
    scan = scan if readout is None else replace(scan, readout=-2 if readout == "rows" else -1)
    axis = -3 - scan.readout  # the other one of -1 and -2
    offset = np.arange(scan.sampled.shape[axis]) - scan.sampled.shape[axis] // 2
    keep = (offset % step == 0) | ((offset >= -(centre // 2)) & (offset < (centre + 1) // 2))
    return replace(scan, sampled=scan.sampled & (keep if axis == -1 else keep[:, None]))


def _given_maps(path: Path, dataset: str, shape: tuple[int, ...]) -> tuple[Tensor, str, tuple[str, ...]]:
    """Return the coil maps of a file, a sentence on them, and what to doubt."""
    maps = kspace.arrays(path, dataset=dataset)
    if maps.shape[1:] != shape[1:] or maps.shape[0] not in (1, shape[0]):
        raise InputError(
            f"{path.name} holds maps of {maps.shape[1]} coils on {maps.shape[2]} x {maps.shape[3]} pixels for "
            f"{maps.shape[0]} slices, and k-space has {shape[1]} coils, {shape[2]} x {shape[3]} samples and {shape[0]} "
            "slices: give maps of the same grid."
        )
    unit, warnings = _of_unit_size(torch.from_numpy(maps))
    return unit, f"The coil maps are those of {path.name}.", warnings


def _of_unit_size(maps: Tensor) -> tuple[Tensor, tuple[str, ...]]:
    """Divide maps by their root sum of squares where it is not one inside the object, and say so.

    The image then is what ESPIRiT maps give, shaded by the coils as their root sum of squares is; and data consistency
    is equally strict everywhere.
    """
    size = torch.linalg.vector_norm(maps, dim=1, keepdim=True)
    inside = size > _INSIDE * size.amax()
    wrong = ((size - 1).abs() > _UNIT) & inside
    if float(wrong.sum()) <= _FEW * float(inside.sum()):
        return maps, ()
    low, high = np.quantile(size[inside].numpy(), (0.05, 0.95))
    told = (
        f"The root sum of squares of the coil maps is not one but {low:.3g} to {high:.3g} where they see the object: "
        "they were divided by it, which shades the image as the coils do; check that they belong to this scan."
    )
    return torch.where(inside, maps / size.clamp(min=1e-30), 0), (told,)


def _found_maps(
    source: Tensor, space: tuple[int, ...], calibration: str, widest: int, kernel: int = 6
) -> tuple[Tensor, str]:
    """Return coil maps, slice by slice, and a sentence on how they were found."""
    if source.shape[2:] != space:
        raise InputError(f"The calibration scan has the grid {tuple(source.shape[2:])}, and k-space has {space}.")
    region = calibration_data(source, widest)
    width = " x ".join(map(str, region.shape[2:]))
    if calibration == "espirit" and min(region.shape[2:]) >= kernel + 2:
        maps = [espirit(part[None], space, kernel=kernel) for part in region]
        return torch.cat(maps), f"Coil maps by ESPIRiT from the fully sampled centre, {width}."
    return low_resolution_maps(region, space), f"Coil maps from images of low resolution, {width} samples."


def _without_oversampling(
    y: Tensor, maps: Tensor, mask: Tensor, matrix: tuple[int, int], readout: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Cut the read-out to the field of view, where every measured line is complete: the image is a product then.

    The maps come from the whole field of view: cut k-space has no ESPIRiT maps.
    """
    length, wanted = y.shape[readout], matrix[readout]
    lines = mask.any(readout, keepdim=True)
    if wanted >= length or not torch.equal(lines.expand_as(mask), mask):
        return y, maps, mask
    part = slice(length // 2 - wanted // 2, length // 2 - wanted // 2 + wanted)
    hybrid = _cut(ifft(y.movedim(readout, -1), 1).movedim(-1, readout), part, readout)
    y = fft(hybrid.movedim(readout, -1), 1).movedim(-1, readout).contiguous()
    return y, _cut(maps, part, readout), _cut(mask, part, readout)


def _cut(data: Tensor, part: slice, axis: int) -> Tensor:
    return data[..., part] if axis == -1 else data[..., part, :]


def _magnitude(
    x: Tensor, matrix: tuple[int, int], voxel_mm: tuple[float, float, float] | None, pixel_mm: float | None
) -> Image:
    """Return the magnitude of slices, (slice, row, column), within the field of view."""
    image = x.abs()
    for axis, wanted in zip((-2, -1), matrix, strict=True):
        start = image.shape[axis] // 2 - wanted // 2
        image = _cut(image, slice(max(start, 0), max(start, 0) + wanted), axis)
    axes = "ZYX" if len(image) > 1 else "YX"
    sizes = voxel_mm or (None, pixel_mm, pixel_mm)
    scale = {axis: size for axis, size in zip("ZYX", sizes, strict=True) if axis in axes and size is not None}
    data = image.numpy() if len(image) > 1 else image[0].numpy()
    return Image(data=data, axes=axes, scale=scale, units=dict.fromkeys(scale, "millimeter"))
