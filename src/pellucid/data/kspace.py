"""Cartesian k-space as a file holds it: numbers, which of them were measured, and what the scanner says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class KSpace:
    """Slices of k-space, with the zero frequency at index n // 2 of both axes.

    Parameters
    ----------
    data
        Shape (slice, coil, row, column), complex; zero where nothing was measured.
    sampled
        What was measured, shape (row, column) or (slice, row, column), bool.
    readout
        The axis along which the samples of one echo lie: -1 (columns) or -2 (rows).
    matrix
        Rows and columns of the image without read-out oversampling and zero padding, or None where unknown.
    voxel_mm
        Size of a voxel of that image along slice, row and column, or None where unknown.
    padding
        Number of lines before and after the range that the scanner could measure, along the phase encoding.
    calibration
        A separate scan for the coil maps, shape of `data`, or None.
    noise
        Samples without signal, shape (coil, sample), or None.
    """

    data: np.ndarray[Any, Any]
    sampled: np.ndarray[Any, Any]
    readout: int = -1
    matrix: tuple[int, int] | None = None
    voxel_mm: tuple[float, float, float] | None = None
    padding: tuple[int, int] = (0, 0)
    calibration: np.ndarray[Any, Any] | None = None
    noise: np.ndarray[Any, Any] | None = None


def measured(data: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return where any coil of k-space, shape (slice, coil, row, column), holds a value other than zero."""
    found: np.ndarray[Any, Any] = (data != 0).any(1)
    return found
