"""Read a stack of particles, and bring it to the form in which methods compare images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.data.io import star
from pellucid.data.measurement import Measurement
from pellucid.data.prepare.particles import filtered, fourier_cropped, levelled, outside, whitening
from pellucid.errors import InputError
from pellucid.noise import Gaussian
from pellucid.operators import Blur
from pellucid.operators.base import Rows, pick
from pellucid.operators.ctf import ctf

SIZE = 32  # pixels at which two cores train in minutes
LEAST = 8  # particles, and pixels along an edge
_AT_ONCE = 256  # images that are cropped together
_SILENT, _ADDED = 0.1, 1 / 3  # deviation of the noise over that of the images: taken for none; added instead


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a stack is read.

    Parameters
    ----------
    star
        STAR file of the stack, with its contrast transfer; None where the stack is one itself, or has none.
    data_dir
        Folder where the names of stacks in a STAR file start; that of the file unless given.
    size
        Pixels along an edge after Fourier cropping; the least of the stack's and `SIZE` unless given.
    mask_radius
        Of the circle about the centre that holds the particle, in half edges; what is outside tells the noise.
    pixel_size_angstrom
        Of the recorded images; that of the files unless given.
    invert
        For particles that are darker than their surroundings, as recorded.
    background
        MRC stack of patches as large as the images, without particles: the noise itself, in place of Gaussian noise.
    """

    star: Path | None = None
    data_dir: Path | None = None
    size: int | None = None
    mask_radius: float = 0.85
    pixel_size_angstrom: float | None = None
    invert: bool = False
    background: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Particles whose background is zero and whose noise is white, of variance one.

    Parameters
    ----------
    y
        Images, (particle, 1, size, size).
    transfers
        What the microscope, and the whitening of the noise, did to a projection: (1 or particle, size, size // 2 + 1).
    pixel_size_angstrom
        After the cropping, or None where it is not known.
    shrunk
        Length of a pixel in pixels of the recording.
    files
        What was read.
    tables
        All columns of the STAR file, or empty.
    names
        Of the images, ``000001@stack.mrcs``.
    notes, warnings
        What was found or assumed, and what to doubt: one sentence each.
    contrast
        Mean excess of the particles over their surroundings, in its standard errors.
    background
        Patches without particles, treated alike, (patch, 1, size, size), or None.
    """

    y: Tensor
    transfers: Tensor
    pixel_size_angstrom: float | None
    shrunk: float
    files: tuple[Path, ...]
    tables: Mapping[str, Mapping[str, list[Any]]]
    names: tuple[str, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    contrast: float
    background: Tensor | None = None

    @property
    def size(self) -> int:
        """Pixels along an edge."""
        return self.y.shape[-1]

    @property
    def measurement(self) -> Measurement:
        """The images, each with its transfer function and its noise."""
        kernels = torch.fft.fftshift(torch.fft.irfft2(self.transfers, s=(self.size, self.size)), (-2, -1))
        return Measurement(y=self.y, operator=Blur(kernels[:, None]), noise=Gaussian(1.0).to(self.y.device))

    def to(self, device: torch.device) -> Stack:
        """Return the stack on a device."""
        background = None if self.background is None else self.background.to(device)
        return replace(self, y=self.y.to(device), transfers=self.transfers.to(device), background=background)

    def __getitem__(self, rows: Rows) -> Stack:
        """Return some of the particles."""
        names = tuple(np.array(self.names, object)[rows.tolist() if isinstance(rows, Tensor) else rows])
        return replace(self, y=self.y[rows], transfers=pick(self.transfers, rows), names=names)


def stack(path: Path, reading: Reading, rng: torch.Generator) -> Stack:
    """Read a stack.

    Parameters
    ----------
    path
        MRC stack, or a STAR file that names one or more.
    reading
        How.
    rng
        On the CPU: draws the noise that images without any are given.

    Raises
    ------
    InputError
        In one sentence, where it cannot be read as particles.
    """
    particles, table = _read(path, reading)
    images = torch.from_numpy(particles.images)
    _check(images, path.name)
    pixel = reading.pixel_size_angstrom or particles.pixel_size_angstrom
    recorded, size = images.shape[-1], _size(images, reading, path.name)
    images = _cropped(images, size, reading)
    background = outside(size, reading.mask_radius)
    images, white, notes, warnings = _white(images, background, path.name, rng)
    inner = images[:, ~outside(size, reading.mask_radius / 2)].mean(1)
    contrast = float(inner.mean() / inner.std() * len(images) ** 0.5)
    images = filtered(images, white)
    shrunk = recorded / size
    transfers, told, doubted = _transfers(particles, size, pixel and pixel * shrunk, reading, path)
    return Stack(
        y=images[:, None],
        transfers=transfers * white,
        pixel_size_angstrom=pixel and pixel * shrunk,
        shrunk=shrunk,
        files=_files(path, reading, particles.names),
        tables={} if table is None else star.tables(table),
        names=particles.names or tuple(f"{k:06d}@{path.name}" for k in range(1, len(images) + 1)),
        notes=(_told(len(images), recorded, size, pixel), *filter(None, [told]), *notes),
        warnings=(*doubted, *warnings),
        contrast=contrast,
        background=None if reading.background is None else _patches(reading.background, recorded, reading, white),
    )


def _read(path: Path, reading: Reading) -> tuple[star.Particles, Path | None]:
    """Return the particles as recorded, and their STAR file if there is one."""
    for file in (path, reading.star, reading.background):
        if file is not None and not file.is_file():
            what = "is a folder: name the stack in it" if file.is_dir() else "does not exist: check its name and folder"
            raise InputError(f"{file} {what}.")
    if path.suffix.lower() == ".star":
        if reading.star is not None:
            raise InputError(f"{path.name} is a STAR file itself: leave out --star.")
        return star.read(path, reading.data_dir), path
    if reading.data_dir is not None:
        raise InputError(
            f"--data-dir is for the stacks that a STAR file names; {path.name} is one itself: leave it out."
        )
    if reading.star is None:
        return star.bare(path), None
    return star.read(reading.star, images=path), reading.star


def _files(path: Path, reading: Reading, names: tuple[str, ...]) -> tuple[Path, ...]:
    """Return all files that were read: with a STAR file alone, the stacks that it names."""
    folder = reading.data_dir or path.parent
    alone = reading.star is None and bool(names)
    stacks = [folder / stack for stack in dict.fromkeys(name.partition("@")[2] for name in names)] if alone else []
    return tuple(file for file in (path, *stacks, reading.star, reading.background) if file is not None)


def _cropped(images: Tensor, size: int, reading: Reading) -> Tensor:
    sign = -1.0 if reading.invert else 1.0
    return torch.cat([fourier_cropped(sign * part, size) for part in torch.split(images, _AT_ONCE)])


def _patches(path: Path, recorded: int, reading: Reading, white: Tensor) -> Tensor:
    """Return patches of background, cropped, levelled and whitened as the images were."""
    images = torch.from_numpy(star.bare(path).images)
    _check(images, path.name)
    if images.shape[-1] != recorded:
        raise InputError(
            f"The patches of {path.name} have {images.shape[-1]} pixels along an edge and the particles {recorded}: "
            "cut patches of that size."
        )
    patches = _cropped(images, white.shape[0], reading)
    everywhere = torch.ones(patches.shape[1:], dtype=torch.bool)
    return filtered(levelled(patches, everywhere)[0], white)[:, None]


def _check(images: Tensor, name: str) -> None:
    """Refuse images that are no particles."""
    count, rows, columns = images.shape
    if rows != columns:
        raise InputError(f"The images of {name} have {rows} x {columns} pixels: crop them to squares.")
    if count < LEAST:
        raise InputError(f"{name} holds too few particles, {count}: {LEAST} are the least, and a map needs thousands.")
    wrong = int((~images.isfinite()).flatten(1).any(1).sum())
    if wrong:
        raise InputError(f"{wrong} of {count} images of {name} hold entries that are no numbers: leave them out.")
    flat = int((images.flatten(1).amax(1) == images.flatten(1).amin(1)).sum())
    if flat:
        raise InputError(f"{flat} of {count} images of {name} are empty, all pixels alike: leave them out.")


def _size(images: Tensor, reading: Reading, name: str) -> int:
    """Return the pixels along an edge after the cropping, with the rest of the reading checked."""
    if not 0.1 <= reading.mask_radius <= 1:
        raise InputError(f"A mask has a radius of 0.1 to 1 half edges, not {reading.mask_radius}.")
    if reading.pixel_size_angstrom is not None and not 0 < reading.pixel_size_angstrom < float("inf"):
        raise InputError(f"A pixel is larger than 0 angstrom, not {reading.pixel_size_angstrom}.")
    recorded = images.shape[-1]
    if recorded < LEAST:
        raise InputError(
            f"The images of {name} have {recorded} x {recorded} pixels, and {LEAST} x {LEAST} are the least: cut "
            "larger boxes."
        )
    size = min(SIZE, recorded) if reading.size is None else reading.size
    if not LEAST <= size <= recorded:
        raise InputError(f"--size is {LEAST} pixels, the least, up to the {recorded} of {name}; {size} is not.")
    return size


def _told(count: int, recorded: int, size: int, pixel: float | None) -> str:
    if size == recorded:
        return f"{count} particles of {size} x {size} pixels, as recorded."
    finest = "" if pixel is None else f" A pixel is now {pixel * recorded / size:.3g} angstrom wide."
    return (
        f"{count} particles of {recorded} x {recorded} pixels, cropped in Fourier space to {size} x {size}, for speed: "
        f"details finer than {2 * recorded / size:.3g} recorded pixels are gone, and --size keeps more.{finest}"
    )


def _white(
    images: Tensor, background: Tensor, name: str, rng: torch.Generator
) -> tuple[Tensor, Tensor, tuple[str, ...], tuple[str, ...]]:
    """Return images with an empty background, the filter that makes their noise white, notes and warnings."""
    within, silent = images.std((1, 2)), images[:, background].std(1)
    if float(silent.median()) > _SILENT * float(within.median()):
        blank = int((silent < 0.01 * silent.median()).sum())
        if blank:
            raise InputError(f"{blank} images of {name} have no noise about the particle, and others do: unmask them.")
        images, _ = levelled(images, background)
        white = whitening(images, background)
        ratio = float(white.max() / white.min()) ** 2
        note = f"Noise, from the corners of the images, made white: its power had ranged over a factor of {ratio:.2g}."
        return images, white, (note,), ()
    images = images - images[:, background].mean(1)[:, None, None]
    images = images / (_ADDED * images.std()) + torch.randn(images.shape, generator=rng)
    warning = (
        "The images have next to no noise in their corners: white noise of a third of their deviation was added, for "
        "the methods compare noisy images; particles that were masked should come unmasked."
    )
    return images, torch.ones(images.shape[-1], images.shape[-1] // 2 + 1), (), (warning,)


def _transfers(
    particles: star.Particles, size: int, pixel: float | None, reading: Reading, path: Path
) -> tuple[Tensor, str, tuple[str, ...]]:
    """Return contrast transfer functions, where they are from, and doubts."""
    name = (reading.star or path).name
    if particles.optics is None:
        missing = f"{name} has no defocus" if name.lower().endswith(".star") else "There is no STAR file with defoci"
        told = f"{missing}: the images are taken for plain projections, as they are after a correction for the CTF."
        return torch.ones(1, size, size // 2 + 1), "", (told,)
    if pixel is None:
        raise InputError(
            f"{name} does not say the size of a pixel, which the transfer function needs: give --pixel-size-angstrom."
        )
    given = {key: torch.from_numpy(values).float() for key, values in particles.optics.items()}
    transfers = ctf(size, pixel_size_angstrom=pixel, **given)
    low, high = float(given["defocus_um"].min()), float(given["defocus_um"].max())
    return transfers, f"Contrast transfer functions from {name}: {low:.2f} to {high:.2f} µm below focus.", ()
