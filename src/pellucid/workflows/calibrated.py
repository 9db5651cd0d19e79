"""A calibration recording, read and checked for the images that it is to serve."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from pellucid.data.image import Image
from pellucid.data.io import check, read
from pellucid.data.prepare.noise_pairs import check_calibration, noise_pairs
from pellucid.data.stack import Stack
from pellucid.errors import InputError
from pellucid.methods import names
from pellucid.methods.registry import takes_calibration
from pellucid.noise import PhotonTransfer
from pellucid.workflows.options import Options

_PIXELS = 2**24  # that are read of a calibration


def calibrated(options: Options, channel: int, y: Tensor, transfer: PhotonTransfer) -> tuple[Tensor, Tensor] | None:
    """Return signals and what was recorded of them, in recorded units, or None where no calibration was given.

    Parameters
    ----------
    options
        With the calibration: frames of a scene at rest, of any size, or one of a smooth field.
    channel
        Which channel of it; one that has a single channel serves all.
    y, transfer
        The image and its noise, as far as it tells by itself.

    Raises
    ------
    InputError
        Where the method takes no calibration, or this one does not suit the image.
    """
    given = options.calibration
    if given is None:
        return None
    if options.method == "auto" or not takes_calibration(options.method):
        able = ", ".join(name for name in names() if takes_calibration(name))
        raise InputError(
            f"{options.method} learns no noise model from a calibration; name a --method that does: {able}."
        )
    image = given if isinstance(given, Image) else check(_opened(given))
    if 1 < image.size("C") <= channel:
        raise InputError(f"{image.name} has {image.size('C')} channels, fewer than the images that it calibrates.")
    stack = Stack((image,), channel if image.size("C") > 1 else 0, 2)
    whole = tuple(slice(0, n) for n in stack.space(stack.items[0]))
    count = min(len(stack.items), max(2, _PIXELS // math.prod(s.stop for s in whole)))
    chosen = [stack.items[round(k * (len(stack.items) - 1) / max(1, count - 1))] for k in range(count)]
    frames = torch.stack([torch.from_numpy(stack.read(item, whole)) for item in chosen]).to(y.device)
    pairs = noise_pairs(frames, image.name)
    check_calibration(pairs, image.name, y, transfer)
    return pairs


def _opened(path: Path | str) -> Image:
    """Read a calibration: the planes of one that does not name its axes are frames."""
    try:
        return read(path)
    except InputError as error:
        with suppress(InputError):
            return read(path, axes="TYX")
        raise error from None
