"""Clean images of other objects, for methods that learn what such objects look like."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.data.image import Image
from pellucid.data.io import read
from pellucid.data.io.reading import KNOWN, ending, is_zarr
from pellucid.data.measurement import Measurement
from pellucid.data.sampling import measured_samples
from pellucid.errors import InputError
from pellucid.restorers.least_squares import linear
from pellucid.solvers import conjugate_gradient
from pellucid.workflows.request import Request
from pellucid.workflows.scan import scan
from pellucid.workflows.scan_files import expand

GENERATED = (
    "What the data do not tell, a network made up after other images: compare with a method that is not trained."
)
_ITERATIONS = 20  # of the reconstruction of a full scan


@dataclass(frozen=True)
class Clean:
    """Clean images, and where they are from.

    Parameters
    ----------
    images
        (number, 1, *space) each; complex for scanners.
    files
        Those that were read.
    left_out
        A sentence for each that could not be.
    """

    images: tuple[Tensor, ...]
    files: tuple[Path, ...]
    left_out: tuple[str, ...] = ()


def clean_images(request: Request, example: Measurement, scans: Collection[Path] = ()) -> Clean:
    """Read the clean images of a request: image files, and for scanners full scans too.

    Parameters
    ----------
    request
        Names their folder, or one file.
    example
        A scan that is to be reconstructed: its images have as many axes.
    scans
        Files that are to be reconstructed: no clean images, though they may lie in their folder.

    Raises
    ------
    InputError
        Where none can be read.
    """
    assert request.clean is not None
    found, failures = dict[Path, Tensor](), list[str]()
    like = example.operator[:1].backproject(example.y[:1])
    own = {scan.resolve() for scan in scans}
    for file in expand([request.clean]):
        try:
            if file.resolve() in own:
                raise InputError("it is to be reconstructed itself, and clean images show other objects.")
            found[file] = _checked(_opened(file, request, like))
        except InputError as error:
            failures.append(f"{file.name} was left out of the clean images: {error}")
    if not found:
        raise InputError(f"{request.clean} holds no clean image; {failures[0]}")
    return Clean(tuple(found.values()), tuple(found), tuple(failures))


def _opened(file: Path, request: Request, like: Tensor) -> Tensor:
    """Return the images of a file, of the type and with the axes of another one."""
    letters = "ZYX"[-(like.ndim - 2) :]
    if not like.is_complex() or _is_image(file, letters):
        return _stack(_image(file, letters), letters).to(like.dtype)
    return _full(file, request.modality, request.geometry)


def _checked(images: Tensor) -> Tensor:
    """Refuse what no critic can learn from, while the name of the file is known."""
    if not bool(images.isfinite().all()):
        raise InputError("it holds NaN or infinity.")
    if bool((images == images.flatten()[0]).all()):
        raise InputError("it is the same everywhere.")
    return images


def _is_image(file: Path, letters: str) -> bool:
    """Whether a file holds images, not k-space."""
    if ending(file) != ".npy":
        return is_zarr(file) or ending(file) in KNOWN
    try:
        return bool(np.dtype(_image(file, letters).dtype).kind != "c")
    except InputError:  # k-space has more axes than an image
        return False


def _image(file: Path, letters: str) -> Image:
    """Return an image; one that does not name its axes has those of the recordings."""
    try:
        return read(file)
    except InputError:
        return read(file, axes=letters)


def _stack(image: Image, letters: str) -> Tensor:
    """Return images one after the other, (number, 1, *space)."""
    lacking = [axis for axis in letters if axis not in image.axes]
    if lacking or image.size("C") > 1 or np.dtype(image.dtype).kind not in "uif":
        raise InputError(
            f"the recordings are real and of one channel with the axes {letters}, and this is {image.dtype} with the "
            f"axes {image.axes} {image.shape}."
        )
    order = [image.axes.index(a) for a in image.axes if a not in letters] + [image.axes.index(a) for a in letters]
    stack = np.asarray(image.data[...], dtype=np.float32).transpose(order)
    return torch.from_numpy(np.ascontiguousarray(stack)).reshape(-1, 1, *stack.shape[-len(letters) :])


def _full(file: Path, modality: str, geometry: Mapping[str, Any]) -> Tensor:
    """Return the least-squares image of a scan that left nothing out."""
    given = {name: value for name, value in geometry.items() if name not in ("coil_maps", "slice_index", "undersample")}
    full = scan(file, modality, given).measurement
    share = float(measured_samples(full).float().mean())
    if share < 1:
        raise InputError(f"{share:.0%} of its samples were measured, and a clean scan has all of them.")
    operator = linear(full)
    with torch.no_grad():
        return conjugate_gradient(operator.normal, operator.adjoint(full.y), iterations=_ITERATIONS)
