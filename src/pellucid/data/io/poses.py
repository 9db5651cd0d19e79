"""Poses of particles in an NPZ, in the convention of cryoDRGN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.io.npz import arrays
from pellucid.errors import InputError


def read(path: Path, count: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any] | None]:
    """Read the poses of `count` particles.

    ``rot``, (particle, 3, 3), are (x, y, z) matrices from the frame of the volume to that of the image; ``trans``,
    (particle, 2), is by how much of its width each image was moved along (x, y) to centre its particle.

    Returns
    -------
    rotations
        (z, y, x) matrices, shape (particle, 3, 3).
    shifts
        How far each particle lies from the centre of its image, (y, x) in widths of the image, shape (particle, 2);
        None where the file has no ``trans``.

    Raises
    ------
    InputError
        If they are of another number, or no rotations.
    """
    found = arrays(path, ("rot", "trans"))
    if "rot" not in found:
        raise InputError(f"{path.name} holds no array rot: poses are rot (particle, 3, 3), and trans (particle, 2).")
    rot, trans = found["rot"], found.get("trans", np.zeros((count, 2)))
    for name, values, shape in (("rot", rot, (count, 3, 3)), ("trans", trans, (count, 2))):
        if values.shape != shape or values.dtype.kind != "f" or not np.isfinite(values).all():
            raise InputError(
                f"{name} of {path.name} should be finite numbers of shape {shape}, one pose an image, and is "
                f"{values.dtype} {values.shape}."
            )
    rot = rot.astype(np.float64)
    skew = np.abs(rot @ rot.transpose(0, 2, 1) - np.eye(3)).max(initial=0.0)
    if skew > 1e-3 or (np.linalg.det(rot) < 0).any():
        raise InputError(f"rot of {path.name} holds matrices that are no rotations (R R^T is off by {skew:.2g}).")
    shifts = -trans[:, ::-1].astype(np.float64) if "trans" in found else None
    return np.ascontiguousarray(rot[:, ::-1, ::-1]), shifts
