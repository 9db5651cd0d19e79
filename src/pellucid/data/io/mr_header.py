"""The XML header of ISMRMRD, which fastMRI's files carry too: matrix sizes, fields of view, encoding limits."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from pellucid.errors import InputError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

LONGEST = 2**24  # characters


@dataclass(frozen=True)
class Encoding:
    """How k-space was encoded; lengths along x (read-out), y (phase encoding) and z.

    Parameters
    ----------
    encoded
        Matrix of k-space, read-out oversampling included.
    matrix
        That of the image after what was oversampled is cut away.
    voxel_mm
        Size of a voxel along x, y and z, or None where the header does not say.
    step
        Smallest, largest and central phase-encoding step (step 1), or None where the header does not say.
    trajectory
        Such as ``cartesian``.
    """

    encoded: tuple[int, ...]
    matrix: tuple[int, ...]
    voxel_mm: tuple[float, ...] | None
    step: tuple[int, int, int] | None
    trajectory: str

    def padding(self, lines: int) -> tuple[int, int]:
        """Return how many of `lines` lie before and after the range of phase-encoding steps.

        The central step lies at line ``lines // 2``.
        """
        if self.step is None:
            return 0, 0
        least, most, centre = self.step
        before = max(lines // 2 - centre + least, 0)
        return before, max(lines - (lines // 2 - centre + most + 1), 0)


def parse(xml: str, name: str) -> Encoding:
    """Return the first encoding of a header.

    Parameters
    ----------
    xml
        The header; document types and entities, which could name other files or grow without bound, are refused.
    name
        The file's name, for errors.

    Raises
    ------
    InputError
        If it is not such a header.
    """
    from xml.etree import ElementTree

    if "<!DOCTYPE" in xml or "<!ENTITY" in xml or len(xml) > LONGEST:
        raise InputError(f"The XML header of {name} declares entities or is too long, and is not read.")
    try:
        root = ElementTree.fromstring(xml.encode())
        encoding = root.find("{*}encoding")
        if encoding is None:
            raise ValueError("it has no encoding")
        encoded, field = _space(encoding, "encodedSpace")
        matrix, recon_field = _space(encoding, "reconSpace")
        voxel = tuple(length / n for length, n in zip(field, encoded, strict=True)) if field else None
        if voxel and recon_field:
            matrix = tuple(max(round(length / size), 1) for length, size in zip(recon_field, voxel, strict=True))
        return Encoding(
            encoded=encoded,
            matrix=tuple(min(pair) for pair in zip(matrix, encoded, strict=True)),
            voxel_mm=voxel,
            step=_step(encoding),
            trajectory=(encoding.findtext("{*}trajectory") or "cartesian").strip().lower(),
        )
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(f"The XML header of {name} is damaged or no ISMRMRD header: {error}.") from error


def _space(encoding: Element, space: str) -> tuple[tuple[int, ...], tuple[float, ...] | None]:
    """Return matrix and field of view along x, y and z."""
    counts = tuple(int(encoding.findtext(f"{{*}}{space}/{{*}}matrixSize/{{*}}{axis}") or 0) for axis in "xyz")
    if not all(0 < n < 2**16 for n in counts):
        raise ValueError(f"its {space} has the matrix {' x '.join(map(str, counts))}")
    lengths = tuple(float(encoding.findtext(f"{{*}}{space}/{{*}}fieldOfView_mm/{{*}}{axis}") or 0) for axis in "xyz")
    return counts, lengths if all(isfinite(n) and n > 0 for n in lengths) else None


def _step(encoding: Element) -> tuple[int, int, int] | None:
    limits = encoding.find("{*}encodingLimits/{*}kspace_encoding_step_1")
    if limits is None:
        return None
    least, most, centre = (int(limits.findtext(f"{{*}}{key}") or 0) for key in ("minimum", "maximum", "center"))
    if not 0 <= least <= centre <= most < 2**16:
        raise ValueError(f"its phase-encoding steps run from {least} to {most} with the centre {centre}")
    return least, most, centre
