"""Sums and decisions shared by the ranks of a `torch.distributed` job; the identity for one process."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor


def active() -> bool:
    """Whether this process is one of several."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def rank() -> int:
    """Return the number of this process, 0 where it is alone."""
    return dist.get_rank() if active() else 0


def shared_mean(total: Tensor, count: Tensor) -> Tensor:
    """Return this rank's part of a mean over all ranks.

    The mean over ranks of what is returned is (sum of all totals) / (sum of all counts), whatever each
    rank counted; so averaged gradients equal those of one process that saw everything.
    """
    if active():
        count = count.detach().clone()
        dist.all_reduce(count)
        count = count / dist.get_world_size()
    return total / count.clamp_min(torch.finfo(total.dtype).tiny)


def shared_root(total: Tensor, count: Tensor) -> Tensor:
    """Return this rank's part of the root of a mean over all ranks.

    The mean over ranks of what is returned is the root of (sum of all totals) / (sum of all counts), and its gradient
    is that of the root; it is finite, zero, where every total is.

    Notes
    -----
    A root is no sum, but it is the minimum over r of (mean / r + r) / 2, which is one for any fixed r.
    """
    part = shared_mean(total, count)
    whole = part.detach().clone()
    if active():
        dist.all_reduce(whole)
        whole = whole / dist.get_world_size()
    root = whole.clamp_min(torch.finfo(total.dtype).tiny).sqrt()
    return (part / root + root) / 2


def average_gradients(parameters: Sequence[Tensor]) -> None:
    """Replace every gradient by its mean over ranks; a missing one counts as zero."""
    if not active():
        return
    for p in parameters:
        if p.grad is None:
            p.grad = torch.zeros_like(p)
    flat = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for p, part in zip(parameters, torch.split(flat, [p.numel() for p in parameters]), strict=True):
        if p.grad is not None:
            p.grad.copy_(part.view_as(p))


def mean(value: float, device: torch.device) -> float:
    """Return the mean of all ranks' values on every rank."""
    if not active():
        return value
    total = torch.tensor(value, dtype=torch.float64, device=device)
    dist.all_reduce(total)
    return float(total) / dist.get_world_size()


def decide(value: float, device: torch.device) -> float:
    """Return rank 0's value on every rank."""
    if not active():
        return value
    shared = torch.tensor(value, dtype=torch.float64, device=device)
    dist.broadcast(shared, 0)
    return float(shared)
