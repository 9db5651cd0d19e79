"""Windows of a plane: cut them out, and add them up at their places."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

Corners = list[list[list[int]]]
"""First row and column of every window, nested as (1 or batch, window, 2)."""


def cut(plane: Tensor, corners: Corners, shape: tuple[int, int]) -> Tensor:
    """Return windows of a plane, (batch, row, column) -> (batch, window, row, column).

    Examples
    --------
    >>> cut(torch.arange(6).reshape(1, 2, 3), [[[0, 0], [0, 1]]], (2, 2)).tolist()
    [[[[0, 1], [3, 4]], [[1, 2], [4, 5]]]]
    """
    windows: Tensor = _Cut.apply(plane, corners, shape)  # type: ignore[no-untyped-call]
    return windows


def paste(windows: Tensor, corners: Corners, space: tuple[int, int]) -> Tensor:
    """Return the plane of zeros to which each window was added at its place: the transpose of `cut`.

    Examples
    --------
    >>> paste(torch.ones(1, 2, 1, 2), [[[0, 0], [0, 1]]], (1, 3)).tolist()
    [[[1.0, 2.0, 1.0]]]
    """
    plane: Tensor = _Paste.apply(windows, corners, space)  # type: ignore[no-untyped-call]
    return plane


class _Cut(torch.autograd.Function):
    """A pass over the windows alone: autograd of slices would fill a plane of zeros for each."""

    @staticmethod
    def forward(ctx: Any, plane: Tensor, corners: Corners, shape: tuple[int, int]) -> Tensor:
        ctx.corners, ctx.space = corners, tuple(plane.shape[-2:])
        rows, columns = shape
        windows = plane.new_empty(len(plane), len(corners[0]), rows, columns)
        for index, places in _by_batch(corners):
            for k, (top, left) in enumerate(places):
                windows[index, k] = plane[index, top : top + rows, left : left + columns]
        return windows

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return paste(gradients[0], ctx.corners, ctx.space), None, None


class _Paste(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, windows: Tensor, corners: Corners, space: tuple[int, int]) -> Tensor:
        ctx.corners, ctx.shape = corners, tuple(windows.shape[-2:])
        rows, columns = ctx.shape
        plane = windows.new_zeros(len(windows), *space)
        for index, places in _by_batch(corners):
            for k, (top, left) in enumerate(places):
                plane[index, top : top + rows, left : left + columns] += windows[index, k]
        return plane

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return cut(gradients[0], ctx.corners, ctx.shape), None, None


def _by_batch(corners: Corners) -> list[tuple[slice, list[list[int]]]]:
    """Return which entries of the batch have which corners: all the same ones, or each its own."""
    if len(corners) == 1:
        return [(slice(None), corners[0])]
    return [(slice(i, i + 1), places) for i, places in enumerate(corners)]
