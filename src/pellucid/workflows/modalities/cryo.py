"""Single-particle cryo-electron microscopy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid._math.rotations import from_euler
from pellucid.data.image import Image
from pellucid.data.io import poses as poses_of
from pellucid.data.io import star
from pellucid.data.io.lazy import require_memory
from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.operators.cryo import CentralSlices
from pellucid.operators.ctf import ctf
from pellucid.workflows.scan import Scan


def cryo(
    path: Path,
    *,
    poses: Path | None = None,
    data_dir: Path | None = None,
    pixel_size_angstrom: float | None = None,
    invert: bool = False,
) -> Scan:
    """Density of a protein from images of particles whose poses are known.

    Parameters
    ----------
    path
        RELION STAR file, 3.0 or 3.1, with poses and contrast transfer functions; or their MRC stack alone, without
        transfer functions.
    poses
        NPZ with the arrays rot and trans of cryoDRGN; from the STAR file unless given.
    data_dir
        Folder where the names of the stacks in the STAR file start; that of the STAR file unless given.
    pixel_size_angstrom
        From the file unless given.
    invert
        For particles that are darker than their surroundings, as recorded; RELION's are bright.
    """
    particles = star.read(path, data_dir) if path.suffix.lower() == ".star" else star.bare(path)
    count, rows, columns = particles.images.shape
    if rows != columns:
        raise InputError(f"The images of {path.name} have {rows} x {columns} pixels: crop them to squares.")
    if not np.isfinite(particles.images).all():
        raise InputError(f"The images of {path.name} hold entries that are no finite numbers: leave those out.")
    rotations, shifts = _poses(particles, poses, path.name)
    if pixel_size_angstrom is not None and not 0 < pixel_size_angstrom < np.inf:
        raise InputError(f"A pixel is larger than 0 angstrom, not {pixel_size_angstrom}.")
    pixel = pixel_size_angstrom or particles.pixel_size_angstrom
    y = torch.from_numpy(-particles.images if invert else particles.images)[None, None]
    operator = CentralSlices(
        torch.as_tensor(rotations, dtype=torch.float32)[None],
        size=rows,
        shifts=None if shifts is None else torch.as_tensor(shifts, dtype=torch.float32)[None],
        transfer=_transfer(particles, rows, pixel, path.name),
    )
    return Scan(
        measurement=Measurement(y=y, operator=operator),
        image=_Volume(path, pixel),
        quantity="density per voxel",
        method="fbp",
        suffix=".mrc",
        notes=(
            f"{count} particles of {rows} x {columns} pixels, poses from {(poses or path).name}.",
            "Contrast transfer functions from the STAR file."
            if particles.optics
            else "No contrast transfer functions: the images are taken for plain projections.",
        ),
    )


@dataclass(frozen=True)
class _Volume:
    """Turns a volume, (1, 1, z, y, x), into an image."""

    source: Path
    pixel_size_angstrom: float | None

    def __call__(self, x: Tensor) -> Image:
        size = self.pixel_size_angstrom
        return Image(
            data=x[0, 0].numpy(),
            axes="ZYX",
            scale=dict.fromkeys("ZYX", size) if size else {},
            units=dict.fromkeys("ZYX", "angstrom") if size else {},
            source=self.source,
        )


def _poses(particles: star.Particles, poses: Path | None, name: str) -> tuple[Any, Any]:
    """Return rotations (particle, 3, 3) and shifts in pixels (particle, 2), or None for no shift."""
    if poses is not None:
        rotations, shifts = poses_of.read(poses, len(particles.images))
        return rotations, None if shifts is None else shifts * particles.images.shape[-1]
    if particles.angles is None:
        raise InputError(
            f"{name} holds no poses: give a STAR file with rlnAngleRot, rlnAngleTilt and rlnAnglePsi, or --poses NPZ."
        )
    return from_euler(torch.from_numpy(particles.angles)), particles.shifts


def _transfer(particles: star.Particles, size: int, pixel: float | None, name: str) -> Tensor | None:
    if particles.optics is None:
        return None
    if pixel is None:
        raise InputError(f"{name} does not say the size of a pixel, which the transfer function needs: give it.")
    given = {key: torch.from_numpy(values).float()[None] for key, values in particles.optics.items()}
    require_memory(8 * given["defocus_um"].numel() * size * (size // 2 + 1), name)
    return ctf(size, pixel_size_angstrom=pixel, **given)
