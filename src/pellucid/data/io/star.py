"""RELION's particles: a STAR file, versions 3.0 and 3.1, and the MRC stacks it names; through the extra ``em``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.io import mrc
from pellucid.data.io.lazy import require_memory
from pellucid.errors import InputError

Column = np.ndarray[Any, Any]

_OPTICS = {  # argument of `pellucid.operators.ctf.ctf`: column of RELION, and its value where the file lacks it
    "voltage_kv": ("rlnVoltage", None),
    "spherical_aberration_mm": ("rlnSphericalAberration", None),
    "amplitude_contrast": ("rlnAmplitudeContrast", None),
    "b_factor_angstrom2": ("rlnCtfBfactor", 0.0),
    "scale": ("rlnCtfScalefactor", 1.0),
}
_DONE = {  # column of RELION: what was done to the images where it is not zero
    "rlnCtfDataAreCtfPremultiplied": "multiplied by their contrast transfer functions",
    "rlnCtfDataArePhaseFlipped": "given the phases that they would have without contrast transfer",
}
_ANGLES = ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")


@dataclass(frozen=True, kw_only=True)
class Particles:
    """Images of particles, and what a STAR file says of each.

    Parameters
    ----------
    images
        Shape (particle, row, column), single precision.
    pixel_size_angstrom
        Or None where the file does not say it.
    angles
        rot, tilt and psi in radians, shape (particle, 3), or None.
    shifts
        How far each particle lies from the centre of its image, (y, x) in pixels, shape (particle, 2): RELION's
        origins with the other sign. None where there are none.
    optics
        Keyword arguments of `pellucid.operators.ctf.ctf`, but for the pixel size, each of shape (particle,); or None
        where the file has no defocus.
    names
        What the file calls each image, ``000001@stack.mrcs``.
    """

    images: Column
    pixel_size_angstrom: float | None
    angles: Column | None
    shifts: Column | None
    optics: Mapping[str, Column] | None
    names: tuple[str, ...] = ()


def read(path: Path, folder: Path | None = None, images: Path | None = None) -> Particles:
    """Read all particles of a STAR file.

    Parameters
    ----------
    path
        The STAR file.
    folder
        Where the names of the stacks start; that of the STAR file unless given. Stacks elsewhere are not opened.
    images
        The one stack that holds all images of the STAR file, and no more; it is read in place of the one named there.

    Raises
    ------
    InputError
        If it is no such file, a stack is missing, cut short or of another size, or a number is none.
    """
    table = _Table(path)
    names = table.text("rlnImageName")
    folder, places = folder or path.parent, names
    if images is not None:
        folder, places = images.parent, [f"{number}@{images.name}" for number in _numbers(names, images, path.name)]
    pixel = _pixel_size(table)
    return Particles(
        images=_images(places, folder, path.name),
        pixel_size_angstrom=pixel,
        angles=np.radians(np.stack([table[name] for name in _ANGLES], 1)) if all(n in table for n in _ANGLES) else None,
        shifts=_shifts(table, pixel),
        optics=_optics(table),
        names=tuple(names),
    )


def bare(path: Path) -> Particles:
    """Read an MRC stack, of whose particles nothing else is known.

    Raises
    ------
    InputError
        If it is no MRC of real images, or a map: a cube that does not say it is a stack.
    """
    found, image = stack(path), mrc.read(path)
    if image.axes == "ZYX" and len(set(image.shape)) == 1:
        raise InputError(
            f"{path.name} is a map of {' x '.join(map(str, image.shape))} voxels, and a stack of images is expected: "
            "give the particles; a stack says so by space group 0 or the ending .mrcs."
        )
    require_memory(4 * int(np.prod(found.shape)), path.name)
    images, pixel = np.array(found, np.float32), image.scale.get("X")
    return Particles(images=images, pixel_size_angstrom=pixel, angles=None, shifts=None, optics=None)


def tables(path: Path) -> dict[str, dict[str, list[Any]]]:
    """Return all columns of a STAR file by name, by the name of their table."""
    return {name: {key: list(column) for key, column in block.items()} for name, block in _blocks(path).items()}


class _Table:
    """The columns of the particles; those that all particles of an optics group share are filled in."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        blocks = _blocks(path)
        tables = [name for name, block in blocks.items() if "rlnImageName" in block and len(block["rlnImageName"])]
        if not tables:
            raise InputError(f"{path.name} holds no table of particles (rlnImageName): give RELION's particles STAR.")
        found = dict(blocks["particles" if "particles" in tables else tables[0]])
        optics = dict(blocks.get("optics", {}))
        if "rlnOpticsGroup" in found and "rlnOpticsGroup" in optics:
            place = {str(group): k for k, group in enumerate(optics["rlnOpticsGroup"])}
            unknown = next((str(g) for g in found["rlnOpticsGroup"] if str(g) not in place), None)
            if unknown is not None:
                raise InputError(f"A particle of {path.name} is of optics group {unknown}, which its table lacks.")
            rows = [place[str(group)] for group in found["rlnOpticsGroup"]]
            found = {name: np.asarray(column)[rows] for name, column in optics.items()} | found
        self.columns = found

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def __getitem__(self, name: str) -> Column:
        """Return a column of finite numbers."""
        if name not in self.columns:
            raise InputError(f"{self.name} lacks the column {name}: add it, in RELION's units.")
        try:
            values = np.array(self.columns[name], np.float64)
        except ValueError:
            values = np.full(1, np.nan)
        if not np.isfinite(values).all():
            raise InputError(f"The column {name} of {self.name} holds entries that are no finite numbers: mend it.")
        return values

    def text(self, name: str) -> list[str]:
        return [str(entry) for entry in self.columns[name]]


def _blocks(path: Path) -> dict[str, Mapping[str, Any]]:
    """Return columns by name, by the name of their table."""
    try:
        import starfile
    except ModuleNotFoundError as error:
        raise InputError(
            f"{path.name} needs the reader of STAR files; pip install 'pellucid[em]' installs it."
        ) from error
    require_memory(10 * path.stat().st_size, path.name)
    try:
        blocks = starfile.read(path, always_dict=True, parse_as_string=["rlnImageName"])
        single = {name: block for name, block in blocks.items() if isinstance(block, dict)}
        tables = {name: dict(block) for name, block in blocks.items() if block is not None and name not in single}
        return tables | {name: {key: [value] for key, value in block.items()} for name, block in single.items()}
    except Exception as error:  # a third party's parser met bytes it did not expect
        raise InputError(
            f"{path.name} could not be read as STAR: it is damaged or something else ({type(error).__name__})."
        ) from error


def _numbers(names: list[str], images: Path, star: str) -> list[str]:
    """Return the numbers of images that shall be all those of one stack."""
    stacks = {name.partition("@")[2] for name in names}
    if len(stacks) > 1:
        raise InputError(f"{star} names {len(stacks)} stacks, and one was given: give the STAR file alone.")
    count = len(stack(images))
    if count != len(names):
        raise InputError(
            f"{star} lists {len(names)} particles and {images.name} holds {count}: give the STAR file of this stack, "
            "or the STAR file alone to take what it lists."
        )
    return [name.partition("@")[0] for name in names]


def _images(names: list[str], folder: Path, star: str) -> Column:
    """Read the images ``000001@stack.mrcs`` names, in their order."""
    parts = [re.fullmatch(r"0*(\d{1,12})@(.+)", name) for name in names]
    wrong = next((name for name, part in zip(names, parts, strict=True) if part is None), None)
    if wrong is not None:
        raise InputError(f"{star} names an image {wrong[:80]}; a number and a stack, 000001@stack.mrcs, are expected.")
    wanted = [(int(part[1]) - 1, part[2]) for part in parts if part is not None]
    stacks = {name: stack(_inside(folder, name, star)) for name in dict.fromkeys(name for _, name in wanted)}
    for index, name in wanted:
        if not 0 <= index < len(stacks[name]):
            raise InputError(f"{star} names image {index + 1} of {name}, which holds {len(stacks[name])}.")
    shape = next(iter(stacks.values())).shape[1:]
    other = next((name for name, found in stacks.items() if found.shape[1:] != shape), None)
    if other is not None:
        sizes = f"{stacks[other].shape[1:]} pixels and others {shape}"
        raise InputError(f"The images of {other} have {sizes}: split {star} by size.")
    require_memory(4 * len(wanted) * shape[0] * shape[1], star)
    images = np.empty((len(wanted), *shape), np.float32)
    for row, (index, name) in enumerate(wanted):
        images[row] = stacks[name][index]
    return images


def _inside(folder: Path, name: str, star: str) -> Path:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"{star} names {name}, outside {folder}: give the folder that holds its stacks with --data-dir."
        )
    if not path.is_file():
        raise InputError(f"{star} names {name}, which is not in {folder}: give the folder it lies in with --data-dir.")
    return path


def stack(path: Path) -> Any:
    """Open a stack of real images as (image, row, column); the numbers stay in the file.

    Raises
    ------
    InputError
        If it is no MRC with such images.
    """
    data = mrc.read(path).data
    if np.dtype(data.dtype).kind == "c" or len(data.shape) > 3:
        raise InputError(f"{path.name} holds {data.dtype} {tuple(data.shape)}, not a stack of real images.")
    return np.asarray(data).reshape((-1, *data.shape[-2:])) if len(data.shape) == 2 else data


def _pixel_size(table: _Table) -> float | None:
    if "rlnImagePixelSize" in table:
        sizes = table["rlnImagePixelSize"]
    elif "rlnPixelSize" in table:
        sizes = table["rlnPixelSize"]
    elif "rlnDetectorPixelSize" in table and "rlnMagnification" in table:
        sizes = 1e4 * table["rlnDetectorPixelSize"] / table["rlnMagnification"]
    else:
        return None
    low, high = float(sizes.min()), float(sizes.max())
    if low <= 0 or high - low > 1e-3 * low:
        raise InputError(
            f"{table.name} has pixels of {low:.4g} to {high:.4g} angstrom, and one size above zero is expected: give "
            "one optics group, or rescale the images."
        )
    return low


def _shifts(table: _Table, pixel: float | None) -> Column | None:
    if "rlnOriginXAngst" in table and "rlnOriginYAngst" in table:
        if pixel is None:
            raise InputError(f"{table.name} has origins in angstrom and no size of a pixel: add rlnImagePixelSize.")
        return -np.stack((table["rlnOriginYAngst"], table["rlnOriginXAngst"]), 1) / pixel
    if "rlnOriginX" in table and "rlnOriginY" in table:
        return -np.stack((table["rlnOriginY"], table["rlnOriginX"]), 1)
    return None


def _optics(table: _Table) -> dict[str, Column] | None:
    if "rlnDefocusU" not in table:
        return None
    for column, done in _DONE.items():
        if column in table and table[column].any():
            raise InputError(f"Images of {table.name} were {done} ({column}): extract them without that.")
    u = 1e-4 * table["rlnDefocusU"]
    v = 1e-4 * table["rlnDefocusV"] if "rlnDefocusV" in table else u
    axis = table["rlnDefocusAngle"] if "rlnDefocusAngle" in table else np.zeros_like(u)
    shift = table["rlnPhaseShift"] if "rlnPhaseShift" in table else np.zeros_like(u)
    found = {"defocus_um": (u + v) / 2, "astigmatism_um": (u - v) / 2}
    found |= {"astigmatism_angle": np.radians(axis), "phase_shift": np.radians(shift)}
    for name, (column, default) in _OPTICS.items():
        found[name] = np.full_like(u, default) if default is not None and column not in table else table[column]
    found["b_factor_angstrom2"] = np.abs(found["b_factor_angstrom2"])  # Warp and M write what damps as negative
    return found
