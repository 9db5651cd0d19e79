"""Deconvolution of fluorescence images and stacks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from torch import Tensor

from pellucid._math.regions import view
from pellucid.data.image import Image
from pellucid.data.io import read
from pellucid.data.io.units import UNITS
from pellucid.data.measurement import Measurement
from pellucid.data.prepare.psf import measured, prepared
from pellucid.errors import InputError
from pellucid.noise import NoiseModel, diagnose
from pellucid.operators import Blur, Crop, LearnableBlur, LinearOperator, Sampling
from pellucid.operators import psf as models
from pellucid.operators.base import LinearComposition
from pellucid.operators.optics import Optics
from pellucid.workflows.scan import Scan

Model = Literal["vectorial", "gibson_lanni", "born_wolf", "gaussian"]
_DARK = 1.0  # percent of the pixels that are darker than what is taken for the offset
_SAME = 0.02  # relative difference of pixel sizes that are the same
_PLANES = 16  # that the noise is estimated from
_UNSEEN = 0.01  # of the light of a voxel: with less in the image, it counts as dark
_RINGS = 4  # λ / NA around the cone of light that a computed PSF reaches


def deconvolution(
    path: Path,
    *,
    psf: Path | None = None,
    beads: Path | None = None,
    na: float | None = None,
    wavelength_nm: float | None = None,
    index: float | None = None,
    sample_index: float | None = None,
    depth_um: float = 0.0,
    psf_model: Model = "vectorial",
    pixel_size_nm: float | None = None,
    plane_spacing_nm: float | None = None,
    background: float | None = None,
    axes: str | None = None,
    channel: str | None = None,
    psf_width: int | None = None,
) -> Scan:
    """Sharpen an image or a stack by the point-spread function of the microscope.

    Parameters
    ----------
    path
        An image or a stack, in any format.
    psf
        An image of a point, with the pixels of the image; what lies around it is dark.
    beads
        An image of beads smaller than the resolution, with the pixels of the image, to measure the PSF from.
    na
        Numerical aperture of the objective, for a PSF that is computed.
    wavelength_nm
        Of the emitted light.
    index
        Refractive index of the immersion medium; unless given, 1 (air) below an aperture of 1, else 1.515 (oil).
    sample_index
        Refractive index around the object; that of the immersion medium unless given.
    depth_um
        Of the object below the coverslip, where the two indices differ.
    psf_model
        vectorial is right for all apertures; gibson_lanni is scalar; born_wolf is paraxial; gaussian for a first look.
    pixel_size_nm
        In the sample; from the file unless given.
    plane_spacing_nm
        In the sample; from the file unless given.
    background
        What the camera shows without light; unless given, the darkest percent of the pixels lie below it.
    axes
        What each axis of the file is, out of STCZYX, where it does not say.
    channel
        Index or name of the one to deconvolve, of several.
    psf_width
        Of a PSF that nobody knows, in pixels along each axis: --method ot_cyclegan learns it from clean images.
    """
    image = _sized(_opened(path, axes, channel), pixel_size_nm, plane_spacing_nm)
    sizes = _sizes(image)
    if sum(way is not None for way in (psf, beads, na, psf_width)) != 1:
        raise InputError(
            "A PSF comes in one way alone: give --psf, or --beads, or --na and --wavelength-nm; or have it learned, by "
            "--psf-width and --method ot_cyclegan."
        )
    if psf_width is not None:
        kernel, note = _unknown(image, psf_width), f"PSF to be learned, {psf_width} pixels along each axis."
    elif na is None:
        kernel, note = _from_file(psf or beads or path, image, sizes, of_beads=psf is None)
    else:
        optics = {"na": na, "wavelength_nm": wavelength_nm, "index": index, "sample_index": sample_index}
        kernel, note = _computed(image, sizes, psf_model, optics | {"depth_nm": 1e3 * depth_um})
    return _scan(image, kernel, background, note, learned=psf_width is not None)


def _opened(path: Path, axes: str | None, channel: str | None) -> Image:
    """Read the image, with one channel."""
    image = read(path, axes=axes, channel=channel)
    if image.size("C") > 1:
        raise InputError(
            f"{image.name} has {image.size('C')} channels, and each colour its own PSF: choose one with --channel."
        )
    if np.dtype(image.dtype).kind not in "uif":
        raise InputError(f"{image.name} holds {image.dtype} numbers: deconvolution needs real ones; convert them.")
    if not np.isfinite(np.asarray(image.data[...], dtype=np.float32)).all():
        raise InputError(f"{image.name} holds NaN or infinity, which would spread everywhere: fill or crop them first.")
    return image


def _space(image: Image) -> str:
    """Return the letters of the axes of the PSF."""
    return "ZYX" if image.size("Z") > 1 else "YX"


def _sized(image: Image, pixel_size_nm: float | None, plane_spacing_nm: float | None) -> Image:
    """Return the image with the sizes of its voxels that were given, in place of those of its file."""
    given = {"Y": pixel_size_nm, "X": pixel_size_nm, "Z": plane_spacing_nm}
    told = {axis: size for axis, size in given.items() if size is not None and axis in image.axes}
    units = dict.fromkeys(told, "nanometer")
    return replace(image, scale={**image.scale, **told}, units={**image.units, **units})


def _sizes(image: Image) -> Mapping[str, float]:
    """Return what is known of the size of a voxel, in nanometres by axis."""
    known = {a: image.scale[a] * UNITS[image.units[a]][1] * 1e9 for a in image.scale if a in "ZYX" and a in image.units}
    if any(not size > 0 for size in known.values()):
        raise InputError(f"Sizes of pixels are positive, but these are {known} nm; check --pixel-size-nm.")
    return known


def _from_file(
    path: Path, image: Image, sizes: Mapping[str, float], *, of_beads: bool
) -> tuple[NDArray[np.float64], str]:
    """Return a PSF from a file, and a sentence about it."""
    letters = _space(image)
    extent = tuple(image.size(letter) for letter in letters)
    try:
        known = read(path, axes=letters)
    except InputError as error:
        has, reading, _ = str(error).partition(" and --axes")
        if not reading:
            raise
        raise InputError(
            f"{has}, but the PSF of {image.name}, {_by(extent)}, has {letters}: give an image of a point with those."
        ) from error
    for axis, own in _sizes(known).items():
        if axis in sizes and abs(own - sizes[axis]) > _SAME * sizes[axis]:
            raise InputError(
                f"{known.name} has pixels of {own:.4g} nm along {axis} but {image.name} of {sizes[axis]:.4g} nm: "
                "resample the PSF, or correct --pixel-size-nm and --plane-spacing-nm."
            )
    if of_beads:
        beads = measured(np.asarray(known.data[...]), known.name)
        shape, kernel = beads.psf.shape, beads.psf
        note = f"PSF {_by(shape)} measured from {len(beads.places)} of {beads.found} beads in {known.name}."
    else:
        shape, kernel = known.shape, prepared(np.asarray(known.data[...]), known.name)
        note = f"PSF {_by(shape)} from {known.name}."
    if any(k > n for k, n in zip(shape, extent, strict=True)):
        raise InputError(
            f"The PSF of {known.name}, {_by(shape)}, is larger than {image.name}, {_by(extent)}: crop it around "
            "its centre."
        )
    return kernel, note


def _unknown(image: Image, width: int) -> NDArray[np.float64]:
    """Return the PSF of which nothing is known but its width."""
    extent = [image.size(letter) for letter in _space(image)]
    if width < 3 or width % 2 == 0 or width > min(extent):
        raise InputError(
            f"A PSF that is learned is an odd number of pixels wide, from 3 up to the {_by(extent)} of the image; "
            f"{width} is not: change --psf-width."
        )
    return np.full([width] * len(extent), float(width) ** -len(extent))


def _computed(
    image: Image, sizes: Mapping[str, float], model: Model, given: Mapping[str, float | None]
) -> tuple[NDArray[np.float64], str]:
    """Return the PSF of an objective, as wide as its cone of light in the outermost plane, and a sentence about it."""
    if given["wavelength_nm"] is None:
        raise InputError("A PSF is computed from the aperture and the wavelength: add --wavelength-nm, such as 520.")
    for axis, flag in zip("XZ", ("--pixel-size-nm", "--plane-spacing-nm"), strict=True):
        if axis in _space(image) and axis not in sizes:
            raise InputError(f"{image.name} does not say how large its pixels are along {axis}: add {flag}.")
    known: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    known.setdefault("index", 1.0 if known["na"] < 1 else 1.515)
    optics = Optics(coverslip_index=max(1.5, known["index"]), **known)
    planes, spacing = image.size("Z"), sizes.get("Z", 0.0)
    cone = planes // 2 * spacing * math.tan(math.asin(known["na"] / known["index"]))
    reach = math.ceil((cone + _RINGS * known["wavelength_nm"] / known["na"]) / sizes["X"])
    side = [min(2 * reach + 1, n - 1 + n % 2) for n in (image.size("Y"), image.size("X"))]
    shape = (*([planes - 1 + planes % 2] if planes > 1 else []), *side)
    psf = getattr(models, model)(shape, optics, pixel_size_nm=sizes["X"], plane_spacing_nm=spacing or None)
    note = (
        f"PSF {_by(shape)} computed ({model}): NA {known['na']:g}, {known['wavelength_nm']:g} nm, immersion "
        f"{known['index']:g}, sample {float(optics.sample):g}, "
        f"voxels of {_by([round(sizes[axis], 2) for axis in _space(image)])} nm."
    )
    return prepared(psf[0, 0].numpy()), note


def _scan(
    image: Image, kernel: NDArray[np.float64], background: float | None, note: str, *, learned: bool = False
) -> Scan:
    """Put together what is known: the stack is a part of an object that goes on around it."""
    letters = _space(image)
    order = [image.axes.index(a) for a in image.axes if a not in letters] + [image.axes.index(a) for a in letters]
    stack = np.asarray(image.data[...], dtype=np.float32).transpose(order)
    space = stack.shape[-len(letters) :]
    dark = float(np.percentile(stack, _DARK)) if background is None else background
    y = torch.from_numpy(np.ascontiguousarray(stack - np.float32(dark))).reshape(-1, 1, *space)
    operator, region = _microscope(kernel, space, learned=learned)
    noise, about = _noise(stack, dark)
    return Scan(
        measurement=Measurement(y=y, operator=operator, noise=noise),
        image=_Deconvolved(image, region, tuple(order)),
        quantity="intensity",
        method="rl",
        notes=(
            note,
            f"Background {dark:.4g} subtracted, {'estimated' if background is None else 'as given'}.",
            f"The object goes on around the image: {_by(operator.in_shape[1:])} voxels explain {_by(space)}.",
            *about,
        ),
    )


def _microscope(
    kernel: NDArray[np.float64], space: tuple[int, ...], *, learned: bool = False
) -> tuple[LinearOperator, tuple[slice, ...]]:
    """Return the blur of an object that goes on around the image, and where in it the image lies.

    What lies outside shines into the image, and is found with it: no edge rings. Voxels of which next to nothing is
    seen count as dark (Bertero and Boccacci, "A simple method for the reduction of boundary effects in the
    Richardson-Lucy approach to image deconvolution", Astronomy & Astrophysics 437, 2005).
    """
    kind = LearnableBlur if learned else Blur
    blur = kind(torch.from_numpy(kernel).float()[None, None])
    least = [max(n + 2 * m, k) for n, m, k in zip(space, blur.reach, kernel.shape, strict=True)]
    whole = [next_fast_len(n, real=True) for n in least]
    region = tuple(slice((w - n) // 2, (w - n) // 2 + n) for w, n in zip(whole, space, strict=True))
    crop = Crop(whole, region)
    share = blur.adjoint(crop.adjoint(torch.ones(1, 1, *space)))
    return LinearComposition(crop, LinearComposition(blur, Sampling(share > _UNSEEN))), region


def _noise(stack: NDArray[np.float32], dark: float) -> tuple[NoiseModel | None, tuple[str, ...]]:
    """Return the noise of the stack less its background, where it can be estimated."""
    planes = stack.reshape(-1, *stack.shape[-2:])
    try:
        seen = diagnose(planes[:: math.ceil(len(planes) / _PLANES)].astype(np.float64)).transfer
    except InputError:
        return None, ()
    strength = f"gain {seen.gain:.3g}" if seen.gain else f"standard deviation {seen.sigma:.3g}"
    return seen.noise.rescale(dark, 1.0), (f"Noise {seen.model}, {strength}, estimated from the image.",)


@dataclass(frozen=True)
class _Deconvolved:
    """Turns what was reconstructed, (batch, 1, *space), into an image like the one that was read."""

    like: Image
    region: tuple[slice, ...]
    order: tuple[int, ...]

    def __call__(self, x: Tensor) -> Image:
        seen = view(x, self.region).numpy()
        shape = [self.like.shape[k] for k in self.order]
        data = seen.reshape(shape).transpose(np.argsort(self.order))
        return replace(self.like, data=np.ascontiguousarray(data, dtype=np.float32))


def _by(shape: Sequence[object]) -> str:
    return " x ".join(map(str, shape))
