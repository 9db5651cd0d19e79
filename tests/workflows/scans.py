"""A toy scanner: coils that see half of the spectrum of a picture; small enough to train on in a test."""

from pathlib import Path

import numpy as np
import torch

from pellucid._math.fft import fft
from pellucid.data.image import Image
from pellucid.data.measurement import Measurement
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.errors import InputError
from pellucid.operators import Sense
from pellucid.workflows.scan import Scan

from .conftest import blobs


def toy(path: Path, *, every: int = 2) -> Scan:
    """Read k-space of which only some rows were measured.

    Parameters
    ----------
    every
        Which rows were measured, beside the middle ones.

    Returns
    -------
    Scan
        Of the magnitude.
    """
    try:
        y = torch.from_numpy(np.load(path))
    except (ValueError, EOFError):
        raise InputError(f"{path.name} is no array.") from None
    n = y.shape[-1]
    row = torch.arange(n) - n // 2
    keep = ((row % every == 0) | (row.abs() < 6))[None, None, :, None].expand(1, 1, n, n)
    return Scan(
        measurement=Measurement(y=y * keep, operator=Sense(birdcage_coils(y.shape[1], (n, n)), keep)),
        image=_image,
        quantity="magnitude",
        method="cg",
        notes=(f"Every {every} rows were measured.",),
    )


def _image(x: torch.Tensor) -> Image:
    sizes = {"Y": 2.0, "X": 2.0}
    return Image(data=x[:, 0].abs().numpy(), axes="ZYX", scale=sizes, units=dict.fromkeys(sizes, "micrometer"))


def recorded(path: Path, *, size: int = 32, slices: int = 2, coils: int = 4, seed: int = 0) -> Path:
    """Write noisy k-space of blobs, (slice, coil, row, column)."""
    rng = torch.Generator().manual_seed(seed)
    planes = torch.stack([torch.from_numpy(blobs(size, seed + k)).float() for k in range(slices)])[:, None]
    y = fft(birdcage_coils(coils, (size, size)) * torch.polar(planes, planes / 40), 2)
    y = y + 0.2 * torch.randn(y.shape, dtype=y.dtype, generator=rng)
    np.save(path, y.numpy())
    return path
