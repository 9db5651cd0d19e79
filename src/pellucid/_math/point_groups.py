"""The point groups of proteins: finite groups of rotations in three dimensions."""

from __future__ import annotations

import math
import re

import torch
from torch import Tensor


def point_group(name: str) -> Tensor:
    """Return the rotations of a point group: (z, y, x) matrices of double precision, shape (element, 3, 3).

    Parameters
    ----------
    name
        In Schönflies' notation: C1, C2, ... about z; D1, D2, ..., with a twofold axis along x; T, with its twofold
        axes along x, y and z; O, with its fourfold ones; I, with three of its twofold ones there.

    Raises
    ------
    ValueError
        Where there is no such group.

    Examples
    --------
    >>> [len(point_group(name)) for name in ("C1", "C7", "D2", "T", "O", "I")]
    [1, 7, 4, 12, 24, 60]
    """
    found = re.fullmatch(r"([CD])([1-9]\d?)|([TOI])", name.strip().upper())
    if found is None:
        raise ValueError(f"{name} is no point group: C1, C2, ..., D2, D3, ..., T, O and I are.")
    order = int(found[2] or 2)
    diagonal = _turn(3, (1.0, 1.0, 1.0))
    golden = (1 + math.sqrt(5)) / 2
    generators = {
        "C": [_turn(order, (1.0, 0.0, 0.0))],
        "D": [_turn(order, (1.0, 0.0, 0.0)), _turn(2, (0.0, 0.0, 1.0))],
        "T": [_turn(2, (1.0, 0.0, 0.0)), diagonal],
        "O": [_turn(4, (1.0, 0.0, 0.0)), diagonal],
        "I": [_turn(2, (1.0, 0.0, 0.0)), _turn(5, (golden, 1.0, 0.0)), diagonal],
    }[found[1] or found[3]]
    group = torch.eye(3, dtype=torch.float64)[None]
    while True:
        products = torch.cat([group, *(group @ generator for generator in generators)])
        apart = torch.cdist(products.flatten(1), products.flatten(1)) < 1e-6
        new = ~apart.tril(-1).any(1)
        if int(new.sum()) == len(group):
            return group
        group = products[new]


def _turn(order: int, axis: tuple[float, float, float]) -> Tensor:
    """Return the rotation by one part in `order` of a turn about an axis (z, y, x)."""
    v = torch.tensor(axis, dtype=torch.float64)
    cross = torch.linalg.cross(torch.eye(3, dtype=torch.float64), v.expand(3, 3), dim=-1)
    turn: Tensor = torch.linalg.matrix_exp(2 * math.pi / order * cross / v.norm())
    return turn
