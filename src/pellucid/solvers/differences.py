"""Finite differences, and the divergence that is their negative adjoint."""

from __future__ import annotations

import torch
from torch import Tensor


def gradient(x: Tensor) -> Tensor:
    """Return the forward differences of x, (batch, channel, *space), along each spatial axis.

    Returns
    -------
    Tensor
        Shape (batch, axis, channel, *space); zero at the last entry of each axis. As a map its norm is below 2 √dims.
    """
    slopes = []
    for axis in range(2, x.ndim):
        last = x.narrow(axis, 0, 1)
        slopes.append(torch.cat([x.diff(dim=axis), torch.zeros_like(last)], axis))
    return torch.stack(slopes, 1)


def divergence(slope: Tensor) -> Tensor:
    """Return −∇* of (batch, axis, channel, *space): <∇x, p> = −<x, div p>."""
    total = torch.zeros_like(slope[:, 0])
    for axis in range(2, slope.ndim - 1):
        along = slope[:, axis - 2]
        none = torch.zeros_like(along.narrow(axis, 0, 1))
        inside = along.narrow(axis, 0, along.shape[axis] - 1)
        total = total + torch.cat([inside, none], axis) - torch.cat([none, inside], axis)
    return total
