"""Fourier ptychographic microscopy."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from pellucid.data.image import Image
from pellucid.data.io import read
from pellucid.data.io.mat import variables
from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.operators.ptychography import illumination, microscope
from pellucid.restorers.embedded_pupil import EmbeddedPupil
from pellucid.workflows.scan import Scan

Step = Literal["right", "down", "left", "up"]
_TURNS: tuple[Step, ...] = ("right", "down", "left", "up")


def fpm(
    path: Path,
    *,
    na: float | None = None,
    pixel_size_um: float | None = None,
    magnification: float = 1.0,
    led_pitch_mm: float | None = None,
    led_distance_mm: float | None = None,
    led_order: Literal["spiral", "rows"] = "spiral",
    led_step: Step = "right",
    led_mirrored: bool = False,
    led_rotation_deg: float | None = None,
    led_x_mm: float | None = None,
    led_y_mm: float | None = None,
    slide_mm: float = 0.0,
    slide_index: float = 1.52,
    wavelength_nm: float | None = None,
    defocus_um: float | None = None,
    upsampling: int | None = None,
    recover_pupil: bool = True,
) -> Scan:
    """Amplitude and phase from images under one LED of an array after the other.

    Parameters
    ----------
    path
        MAT file with imlow_HDR (row, column, LED), and maybe wlength and z in metres, theta in degrees, xint and yint
        in millimetres; or a stack of images, one an LED.
    na
        Numerical aperture of the objective.
    pixel_size_um
        Of the images in the plane of the object; of the camera, where the magnification is given too.
    magnification
        By which the size of a pixel is divided.
    led_pitch_mm
        From an LED to the next.
    led_distance_mm
        From the array to the slide.
    led_order
        spiral: from the centre out, with sides of 1, 1, 2, 2, 3, 3, ... LEDs. rows: along a row, then the next.
    led_step
        Where in the image the second LED is, seen from the first.
    led_mirrored
        Whether the spiral turns counter-clockwise in the image, or the second row lies to the left of the first, seen
        along it. Clockwise, or to the right, unless set.
    led_rotation_deg
        By which the array is turned clockwise in the image; from the file, or none.
    led_x_mm, led_y_mm
        Place of the first LED of a spiral, or of the middle of all rows, from the centre of the image, to the right and
        down; from the file, or none.
    slide_mm, slide_index
        Thickness and refractive index of the glass below the object.
    wavelength_nm
        In vacuum; from the file unless given.
    defocus_um
        From the object to the plane in focus; from the file, or none.
    upsampling
        How many times finer the object is than the images; as many as the outermost LED needs unless given.
    recover_pupil
        Whether the aberrations of the objective are first found from the data.
    """
    found = _read(path)
    turn = found.rotation_deg if led_rotation_deg is None else led_rotation_deg
    place = [f if given is None else given for f, given in ((found.y_mm, led_y_mm), (found.x_mm, led_x_mm))]
    array = oriented(_ORDERS[led_order](len(found.images)), led_step, mirrored=led_mirrored, degrees=turn)
    positions = _known(led_pitch_mm, "the pitch of the LED array", "--led-pitch-mm") * array + torch.tensor(place)
    distance = _known(led_distance_mm, "the distance of the LED array", "--led-distance-mm")
    sines = illumination(positions, distance_mm=distance, slide_mm=slide_mm, slide_index=slide_index)
    lens = {
        "wavelength_nm": _known(wavelength_nm or found.wavelength_nm, "the wavelength", "--wavelength-nm"),
        "pixel_size_nm": 1e3 * _known(pixel_size_um, "the size of a pixel", "--pixel-size-um") / magnification,
        "na": _known(na, "the numerical aperture", "--na"),
        "defocus_um": found.defocus_um if defocus_um is None else defocus_um,
    }
    return _scan(found, sines, lens, upsampling, recover_pupil=recover_pupil)


def spiral(count: int) -> Tensor:
    """Return the places of sources on a spiral, (row, column) from the first one, in steps of the array.

    Examples
    --------
    >>> spiral(5).tolist()
    [[0, 0], [0, 1], [1, 1], [1, 0], [1, -1]]
    """
    places, step, side = [(0, 0)], (0, 1), 1
    while len(places) < count:
        for _ in range(2):
            for _ in range(side):
                places.append((places[-1][0] + step[0], places[-1][1] + step[1]))
            step = (step[1], -step[0])
        side += 1
    return torch.tensor(places[:count])


def grid(count: int) -> Tensor:
    """Return the places of sources row by row, (row, column) from the middle of a square array, in steps of it.

    Raises
    ------
    InputError
        Where the count is no square.

    Examples
    --------
    >>> grid(4).tolist()
    [[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]]
    """
    side = math.isqrt(count)
    if side**2 != count:
        raise InputError(
            f"A square array in rows lights 4, 9, 16, ... images, and there are {count}: check that none is missing, "
            "or use --led-order spiral."
        )
    line = torch.arange(side) - (side - 1) / 2
    return torch.cartesian_prod(line, line)


def oriented(places: Tensor, step: Step, *, mirrored: bool, degrees: float) -> Tensor:
    """Return places whose second source was to the right of the first with it in another direction.

    Parameters
    ----------
    places
        (row, column), shape (source, 2).
    step
        Where the second source is.
    mirrored
        Whether rows run the other way first, before all is turned.
    degrees
        By which all is turned further, clockwise in the image.

    Examples
    --------
    >>> oriented(spiral(3), "down", mirrored=False, degrees=0.0).round().tolist()
    [[0.0, 0.0], [1.0, 0.0], [1.0, -1.0]]
    """
    angle = math.radians(degrees + 90 * _TURNS.index(step))
    turn = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    flip = torch.tensor([-1.0 if mirrored else 1.0, 1.0])
    return (places * flip) @ turn.T


_ORDERS = {"spiral": spiral, "rows": grid}


@dataclass(frozen=True, kw_only=True)
class _Found:
    path: Path
    images: np.ndarray[Any, Any]  # (LED, row, column)
    wavelength_nm: float | None = None
    defocus_um: float = 0.0
    rotation_deg: float = 0.0
    x_mm: float = 0.0
    y_mm: float = 0.0


def _read(path: Path) -> _Found:
    """Read images and what the file says of the geometry."""
    facts: dict[str, float] = {}
    if path.suffix.lower() == ".mat":
        held = variables(path, ("imlow_HDR", "wlength", "z", "theta", "xint", "yint"))
        if "imlow_HDR" not in held or held["imlow_HDR"].ndim != 3:
            raise InputError(f"{path.name} holds no imlow_HDR (row, column, LED): check that it is the right file.")
        images = np.moveaxis(held.pop("imlow_HDR"), 2, 0)
        facts = {name: float(value.flat[0]) for name, value in held.items() if value.size == 1}
    else:
        images = np.asarray(read(path, axes="TYX").data)
    images = np.ascontiguousarray(images, np.float32)
    if not np.isfinite(images).all() or images.min() < 0:
        raise InputError(
            f"{path.name} holds values that are negative or not finite (smallest {np.nanmin(images):g}), and "
            "intensities are neither: subtract less background, or set them to zero."
        )
    return _Found(
        path=path,
        images=images,
        wavelength_nm=1e9 * facts["wlength"] if "wlength" in facts else None,
        defocus_um=1e6 * facts.get("z", 0.0),
        rotation_deg=facts.get("theta", 0.0),
        x_mm=facts.get("xint", 0.0),
        y_mm=facts.get("yint", 0.0),
    )


def _scan(found: _Found, sines: Tensor, lens: dict[str, float], upsampling: int | None, *, recover_pupil: bool) -> Scan:
    """Return the scan of a microscope that is known."""
    shape = (found.images.shape[1], found.images.shape[2])
    tilt = float(sines.abs().max()) * lens["pixel_size_nm"] / lens["wavelength_nm"]  # in cycles a pixel
    finer = upsampling or math.ceil(1 + 2 * tilt + 1 / min(shape))  # half a window must fit beside the tilt
    operator = microscope(sines, shape, upsampling=finer, **lens)
    measurement = Measurement(y=torch.from_numpy(found.images)[None, None], operator=operator)
    angles = torch.linalg.vector_norm(sines, dim=1)
    notes = [
        f"{len(angles)} LEDs, {int((angles < lens['na']).sum())} of them in bright field, up to a numerical aperture "
        f"of {float(angles.max()):.3g}: {float(angles.max()) + lens['na']:.3g} with that of the objective.",
        f"Images of {lens['pixel_size_nm']:.4g} nm a pixel at {lens['wavelength_nm']:.4g} nm; the object is {finer} "
        "times finer.",
    ]
    if recover_pupil:
        measurement = replace(measurement, operator=EmbeddedPupil().recover(measurement)[1])
        notes.append("The aberrations of the objective were found from the data.")
    return Scan(
        measurement=measurement,
        image=lambda x: _image(x, 1e-3 * lens["pixel_size_nm"] / finer, found.path),
        quantity="amplitude, and phase in radians",
        method="epry",
        notes=tuple(notes),
    )


def _known(value: float | None, what: str, flag: str) -> float:
    """Return a number that must be known, and above zero."""
    if value is None or not value > 0:
        raise InputError(f"The file does not say {what}, or it is not above zero: give it with {flag}.")
    return value


def _image(x: Tensor, size: float, path: Path) -> Image:
    """Return amplitude and phase as channels; the phase is that relative to the mean of the object."""
    x = x[0, 0]
    data = torch.stack([x.abs(), (x * x.mean().conj()).angle()]).float().numpy()
    return Image(
        data=data,
        axes="CYX",
        scale={"Y": size, "X": size},
        units={"Y": "micrometer", "X": "micrometer"},
        channel_names=("amplitude", "phase"),
        source=path,
    )
