"""Optical diffraction tomography."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pellucid.data.image import Image
from pellucid.data.io.odt import FieldScan, read
from pellucid.data.measurement import Measurement
from pellucid.data.prepare.fields import axis_of_rotation, divided, levelled, padded, refocused, rytov
from pellucid.errors import InputError
from pellucid.operators.diffraction import DiffractionTomography, Optics, refractive_index
from pellucid.workflows.scan import Scan

Axis = Literal["Y", "X"]
_HIGHEST_INDEX = 4.0  # of a medium that light passes


def odt(
    path: Path,
    *,
    wavelength_nm: float | None = None,
    medium_index: float | None = None,
    pixel_size_nm: float | None = None,
    angles: str | None = None,
    approximation: Literal["rytov", "born"] = "rytov",
    geometry: Literal["sample", "illumination"] = "sample",
    axis: Axis = "Y",
    centre: float | None = None,
    numerical_aperture: float | None = None,
    refocus_um: float = 0.0,
    level_px: int = 0,
    pad_px: int | None = None,
    planes: int | None = None,
    phase: Literal["delays", "advances"] = "delays",
) -> Scan:
    """Refractive index in 3-D from complex fields or phase images of a turning sample or of tilted beams.

    Parameters
    ----------
    path
        HDF5 or NPZ with fields (view, row, column).
    wavelength_nm
        In vacuum; from the file unless given.
    medium_index
        Refractive index around the sample; from the file unless given.
    pixel_size_nm
        Of the detector, divided by the magnification; from the file unless given.
    angles
        Of the turning sample in degrees: 0:360 for even steps from 0 up to but without 360, or a text file with one
        angle a view. From the file unless given.
    approximation
        rytov, for cells; or born, for what hardly shifts the phase.
    geometry
        sample: the sample turns. illumination: the beam does; the file holds its directions.
    axis
        About which the sample turns: Y, along the columns of pixels, or X, along the rows.
    centre
        Pixel on which the axis falls: column for Y, row for X; fractions count. Found from the centres of mass of the
        phase unless given.
    numerical_aperture
        Of the objective: waves beyond it count as not measured. All that propagate unless given.
    refocus_um
        How far to propagate the fields along the light, until the middle of the sample is in focus.
    level_px
        Width of the border, free of the sample, at which offset and tilt of the phase are taken away; 0 leaves both.
    pad_px
        By how many pixels the edge of the fields is continued on all sides, against light that leaves the detector; a
        quarter of their longer side unless given.
    planes
        Of the image along the light; as many as there are pixels across the axis unless given.
    phase
        Whether denser matter delays the phase, so that it is positive (exp(+ikx)), or advances it (exp(-ikx)).
    """
    found = read(path)
    light = _light(found, path.name, wavelength_nm, medium_index, pixel_size_nm)
    optics, directions = _optics(light, numerical_aperture, phase), _directions(found, geometry, path.name)
    fields = _focused(found, optics, directions, level_px, refocus_um * 1e3 / light.pixel_nm)
    scattered = rytov(fields) if approximation == "rytov" else fields - 1
    y = padded(scattered, _margin(pad_px, fields))
    space, detector = _space(fields, axis, directions, planes), (y.shape[1], y.shape[2])
    if directions is None:
        turned = _angles(found, angles, path.name)
        aside, notes = _axis(scattered, turned, axis, centre)
        optics = _centred(optics, aside, axis, detector)
        operator = DiffractionTomography.turning(turned, optics, space=space, detector=detector, axis=axis)
    else:
        operator = DiffractionTomography.illuminated(directions, optics, space=space, detector=detector)
        notes = _beams(directions)
    return Scan(
        measurement=Measurement(y=y[None, None], operator=operator),
        image=lambda f: _index(f, light, path),
        quantity="refractive index",
        method="fbp",
        notes=(*notes, str(light), f"First-order {approximation.capitalize()} approximation."),
    )


@dataclass(frozen=True)
class _Light:
    wavelength_nm: float
    index: float
    pixel_nm: float

    @property
    def wavenumber(self) -> float:
        """In the medium, in radians per pixel."""
        return 2 * math.pi * self.index * self.pixel_nm / self.wavelength_nm

    def __str__(self) -> str:
        return f"Wavelength {self.wavelength_nm:.4g} nm, medium {self.index:.4g}, pixel {self.pixel_nm:.4g} nm."


def _beams(directions: Tensor) -> tuple[str, ...]:
    tilt = math.degrees(math.acos(min(float(directions[:, 0].min()), 1.0)))
    return (f"{len(directions)} beams, tilted by up to {tilt:.3g} degrees: the cone that they do not see is unknown.",)


def _axis(scattered: Tensor, angles: Tensor, axis: Axis, given: float | None) -> tuple[float, tuple[str, ...]]:
    """Return how far the axis of rotation falls from the middle of the fields, and what there is to say of it."""
    size = scattered.shape[2 if axis == "Y" else 1]
    middle = (size - 1) / 2
    place = axis_of_rotation(scattered, angles, axis=axis) if given is None else given
    if given is not None and not 0 <= given <= size - 1:
        raise InputError(f"The centre of rotation must lie on the fields, from 0 to {size - 1}, but is {given:g}.")
    first, last = (math.degrees(float(end)) for end in (angles.min(), angles.max()))
    views = f"{len(angles)} views from {first:.4g} to {last:.4g} degrees."
    if place is None or not 0 <= place <= size - 1:
        return 0.0, (views, f"Centre of rotation {middle:.2f}, the middle: the views do not tell it.")
    return place - middle, (views, f"Centre of rotation {place:.2f}, {'found' if given is None else 'given'}.")


def _centred(optics: Optics, aside: float, axis: Axis, detector: tuple[int, ...]) -> Optics:
    """Return the optics with the axis so far from the middle of the detector."""
    row, column = ((n - 1) / 2 for n in detector)
    return replace(optics, centre=(row, column + aside) if axis == "Y" else (row + aside, column))


def _index(f: Tensor, light: _Light, source: Path) -> Image:
    """Return the refractive index of a scattering potential."""
    index = refractive_index(f[0, 0], light.wavenumber, light.index).numpy()
    scale, units = dict.fromkeys("ZYX", light.pixel_nm / 1e3), dict.fromkeys("ZYX", "micrometer")
    return Image(data=index, axes="ZYX", scale=scale, units=units, source=source)


def _light(scan: FieldScan, name: str, *given: float | None) -> _Light:
    """Return wavelength, index and pixel size as given, or else as the file has them."""
    flags, held = (
        ("--wavelength-nm", "--medium-index", "--pixel-size-nm"),
        (
            scan.wavelength_nm,
            scan.medium_index,
            scan.pixel_size_nm,
        ),
    )
    known = [told if told is not None else kept for told, kept in zip(given, held, strict=True)]
    facts = [fact for fact in known if fact is not None]
    if len(facts) < len(flags):
        missing = " and ".join(flag for flag, fact in zip(flags, known, strict=True) if fact is None)
        raise InputError(f"{name} does not say everything about its optics: give {missing}.")
    wavelength, index, pixel = facts
    if not 1 <= index <= _HIGHEST_INDEX:
        raise InputError(f"The refractive index of the medium lies between 1 and {_HIGHEST_INDEX:g}, not at {index:g}.")
    if not (0 < wavelength < math.inf and 0 < pixel < math.inf):
        raise InputError(f"Wavelength and pixel size must be positive, but are {wavelength:g} and {pixel:g} nm.")
    if 2 * pixel > wavelength / index:
        raise InputError(
            f"Pixels of {pixel:.4g} nm undersample light of {wavelength / index:.4g} nm in the medium: give the size "
            "of a pixel in the sample, the detector's divided by the magnification."
        )
    return _Light(wavelength, index, pixel)


def _optics(light: _Light, numerical_aperture: float | None, phase: str) -> Optics:
    sign: Literal[1, -1] = 1 if phase == "delays" else -1
    if numerical_aperture is None:
        return Optics(wavenumber=light.wavenumber, sign=sign)
    if not 0 < numerical_aperture < light.index:
        raise InputError(
            f"The numerical aperture must lie between 0 and the index of the medium, {light.index:g}, and not at "
            f"{numerical_aperture:g}: what is beyond does not propagate there."
        )
    return Optics(wavenumber=light.wavenumber, aperture=numerical_aperture / light.index, sign=sign)


def _directions(scan: FieldScan, geometry: str, name: str) -> Tensor | None:
    if geometry == "sample":
        return None
    if scan.directions is None:
        raise InputError(
            f"{name} holds no directions, which tilted illumination needs: add an array of unit vectors (view, 3) in "
            "the order z, y, x, or take --geometry sample."
        )
    return torch.from_numpy(scan.directions)


def _angles(scan: FieldScan, given: str | None, name: str) -> Tensor:
    """Return the angles of a turning sample, in radians."""
    views = len(scan.field)
    if given is None:
        if scan.angles is None:
            raise InputError(
                f"{name} holds no angles: give them, such as --angles 0:360, or a text file with one a view."
            )
        return torch.from_numpy(scan.angles)
    try:
        if ":" in given:
            first, last = (float(part) for part in given.split(":"))
            degrees = np.linspace(first, last, views, endpoint=False)
        else:
            degrees = np.loadtxt(given, ndmin=1, dtype=np.float64)
    except (OSError, ValueError) as error:
        raise InputError(
            f"--angles takes a range in degrees such as 0:360, or a text file with one angle a view, not {given}."
        ) from error
    if degrees.shape != (views,) or not np.isfinite(degrees).all():
        raise InputError(f"{name} has {views} views and {given} {degrees.size} angles: give one angle for each view.")
    return torch.from_numpy(np.deg2rad(degrees))


def _checked(value: int, flag: str, least: int) -> int:
    if value < least:
        raise InputError(f"{flag} must be at least {least}, but is {value}.")
    return value


def _space(fields: Tensor, axis: Axis, directions: Tensor | None, planes: int | None) -> tuple[int, int, int]:
    """Return the voxels of the image."""
    rows, columns = fields.shape[1:]
    deep = rows if axis == "X" and directions is None else columns
    return deep if planes is None else _checked(planes, "--planes", 2), rows, columns


def _margin(pad: int | None, fields: Tensor) -> int:
    return max(fields.shape[1:]) // 4 if pad is None else _checked(pad, "--pad-px", 0)


def _focused(found: FieldScan, optics: Optics, directions: Tensor | None, level: int, distance: float) -> Tensor:
    """Return u / u0 with the middle of the sample in focus."""
    fields = torch.from_numpy(found.field)
    rows, columns = fields.shape[1:]
    if not 0 <= level < min(rows, columns) / 2:
        raise InputError(f"A border of {level} pixels does not fit fields of {rows} x {columns}: give a smaller one.")
    if found.background is not None:
        fields = divided(fields, torch.from_numpy(found.background))
    if level:
        fields = levelled(rytov(fields), level).exp()
    if distance:
        fields = refocused(fields, distance, optics.wavenumber, directions=directions, sign=optics.sign)
    return fields
