"""An image as a file holds it: numbers, what each axis means, and how large a pixel is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

AXES = "STCZYX"  # sample, time, channel, plane, row, column


class ArrayLike(Protocol):
    """What a lazily read array offers: a shape, a type, and regions on request."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""

    def __getitem__(self, region: Any) -> Any: ...


@dataclass(frozen=True, kw_only=True)
class Image:
    """Numbers with their meaning. `data` may be lazy: index it to read a region.

    Parameters
    ----------
    data
        Array, or an object that reads regions of a file on request.
    axes
        One letter of ``STCZYX`` a dimension, in the order of `data`; ends with ``YX``.
    scale
        Size of a pixel by axis letter, in `units`; an axis whose size is unknown is left out.
    units
        OME unit names by axis letter, such as ``{"Y": "micrometer", "T": "second"}``.
    channel_names
        One name a channel, or empty.
    source
        Where the image was read from, or None.
    format
        The format it was read from: ``tiff``, ``imagej``, ``ome-tiff``, ``png``, ``npy``, ``npz``, ``mrc``,
        ``nifti``, ``ome-zarr``, ``zarr``, ``czi``, ``nd2``, ``lif`` or ``array``.
    header
        What a format must carry through unchanged: the MRC header and extended header, the NIfTI header, the
        OME-Zarr version, or None.
    provenance
        What Pellucid noted in the file about how it was made, or empty.
    """

    data: ArrayLike
    axes: str
    scale: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    channel_names: tuple[str, ...] = ()
    source: Path | None = None
    format: str = "array"
    header: Any = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What to call the image in a sentence: the name of its file, or ``The image``."""
        return self.source.name if self.source else "The image"

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis, in the order of `axes`."""
        return tuple(int(n) for n in self.data.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored numbers."""
        return np.dtype(self.data.dtype)

    def size(self, axis: str) -> int:
        """Length along `axis`; 1 where the image has no such axis."""
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1

    def with_data(self, data: ArrayLike) -> Image:
        """Return the same image with other numbers."""
        return replace(self, data=data)
