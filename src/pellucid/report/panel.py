"""One picture of before and after, for a README or beside a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pellucid.errors import InputError
from pellucid.report.evidence import Values
from pellucid.report.picture import Bytes, centre, grey, png, window
from pellucid.report.saving import save

ZOOM = 4


def panel(noisy: Values, restored: Values, path: str | Path) -> None:
    """Write noisy and restored side by side as a grey PNG, with one window and one enlarged detail for both.

    The detail is where the restored plane varies most. Planes larger than 1024 pixels are cropped to their
    middle; below 40 pixels there is no room for a detail.

    Parameters
    ----------
    noisy, restored
        Planes of one shape (row, column).
    path
        The PNG file to write; an older one is replaced.

    Raises
    ------
    InputError
        Where the planes are not of two axes, or not of one shape.
    OSError
        Where the file cannot be written.
    """
    if noisy.ndim != 2 or noisy.shape != restored.shape:
        raise InputError(
            f"A panel shows two planes of one shape (row, column), but got {noisy.shape} and "
            f"{restored.shape}: pass one plane of each."
        )
    planes = centre(noisy), centre(restored)
    limits = window(*planes)
    pictures = [grey(plane, limits) for plane in planes]
    if min(pictures[0].shape) >= 10 * ZOOM:
        corner, side = _detail(planes[1])
        pictures = [_with_inset(picture, corner, side) for picture in pictures]
    gap = np.full((pictures[0].shape[0], max(pictures[0].shape[1] // 64, 1)), 255, np.uint8)
    save(png(np.hstack([pictures[0], gap, pictures[1]])), Path(path))


def _detail(plane: Values) -> tuple[tuple[int, int], int]:
    """Return the top left corner and the side of the square block of `plane` that varies most."""
    side = min(plane.shape) // 10
    rows, columns = (length // side for length in plane.shape)
    blocks = np.nan_to_num(plane[: rows * side, : columns * side]).reshape(rows, side, columns, side)
    row, column = np.unravel_index(blocks.std(axis=(1, 3)).argmax(), (rows, columns))
    return (int(row) * side, int(column) * side), side


def _with_inset(picture: Bytes, corner: tuple[int, int], side: int) -> Bytes:
    """Return `picture` with a frame round the block at `corner`, enlarged in the opposite corner."""
    (top, left), large = corner, ZOOM * side
    inset = np.kron(picture[top : top + side, left : left + side], np.ones((ZOOM, ZOOM), np.uint8))
    framed = picture.copy()
    _frame(framed, top, left, side)
    far_top, far_left = (
        0 if start + side / 2 > length / 2 else length - large
        for start, length in zip(corner, picture.shape, strict=True)
    )
    framed[far_top : far_top + large, far_left : far_left + large] = inset
    _frame(framed, far_top, far_left, large)
    return framed


def _frame(picture: Bytes, top: int, left: int, side: int) -> None:
    """Draw a white square inside the given one, in place."""
    width = max(min(picture.shape) // 256, 1)
    inner = picture[top + width : top + side - width, left + width : left + side - width].copy()
    picture[top : top + side, left : left + side] = 255
    picture[top + width : top + side - width, left + width : left + side - width] = inner
