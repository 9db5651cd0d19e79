"""The one objective of self-supervision: explain what was held out from what was given."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pellucid._math.ranks import shared_mean
from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.data.splits import Split
from pellucid.errors import InputError
from pellucid.objectives.base import Objective
from pellucid.restorers.base import Restorer

Distance = Callable[[Tensor, Measurement], Tensor]
"""Compares moments (batch, moments, channel, *space) with what was held: entry by entry, or one number a sample."""


def squared(moments: Tensor, held: Measurement) -> Tensor:
    """Return (mean - y)²: the minimiser is the conditional mean."""
    return (moments[:, 0] - held.y).square()


def absolute(moments: Tensor, held: Measurement) -> Tensor:
    """Return |mean - y|: the minimiser is the conditional median."""
    return (moments[:, 0] - held.y).abs()


def gaussian(moments: Tensor, held: Measurement) -> Tensor:
    """Return -log N(y; mean, variance + noise variance): a mean and a variance are learned.

    Laine et al. 2019, equation 5, for noise of known strength.
    """
    if held.noise is None:
        raise InputError("A predicted variance can only be told from noise of known strength; none is known.")
    mean, variance = moments.unbind(1)
    total = variance + held.noise.variance(mean.detach())
    return 0.5 * ((mean - held.y).square() / total + total.log() + math.log(2 * math.pi))


def normalised_l1_l2(moments: Tensor, held: Measurement) -> Tensor:
    """Return ½ ‖u − v‖₂ / ‖u‖₂ + ½ ‖u − v‖₁ / ‖u‖₁ of each sample, over the entries u that are held (SSDU, eq. 8).

    Complex numbers count as two real ones, in both norms.
    """
    u, v = held.y, moments[:, 0]
    weight = torch.ones_like(u.real) if held.weight is None else held.weight.expand(u.shape)
    if u.is_complex():
        u, v, weight = torch.view_as_real(u), torch.view_as_real(v), weight[..., None]
    off, whole = ((weight.sqrt() * part).flatten(1) for part in (u - v, u))
    euclidean = torch.linalg.vector_norm(off, dim=1) / torch.linalg.vector_norm(whole, dim=1)
    off, whole = ((weight * part).flatten(1) for part in (u - v, u))
    manhattan = off.abs().sum(1) / whole.abs().sum(1)
    both: Tensor = 0.5 * (euclidean + manhattan)
    return both


class HeldOut(Objective[Restorer]):
    """L = mean over held entries of d(H F(given), held).

    Noise2Noise, Noise2Void and Noise2Self are this objective with another split. If the noise of what is held
    is zero-mean and independent of what is given, then E|F - y|² = E|F - x|² + E|y - x|² (survey eq. 8, 14).

    Parameters
    ----------
    split
        Divides a batch into what the model sees and what is compared.
    distance
        Compares entry by entry, or sample by sample: the mean over what is held, or over samples, is minimised.
    """

    def __init__(self, split: Split, distance: Distance = squared) -> None:
        super().__init__()
        self.split, self.distance = split, distance

    def terms(self, model: Restorer, batch: Measurement, step: Step) -> dict[str, Tensor]:
        """Return the mean distance over the entries that are held and have weight."""
        given, held = self.split(batch, step.rng)
        moments = model.explain(given, step.rng)
        moments = moments if moments.is_complex() else moments.float()
        explained = torch.stack([held.operator(moment) for moment in moments.unbind(1)], 1)
        loss = self.distance(explained, held)
        if loss.ndim == 1:
            return {"held_out": shared_mean(loss.sum(), torch.full_like(loss.sum(), loss.numel()))}
        if held.weight is None:
            return {"held_out": shared_mean(loss.sum(), torch.full_like(loss[0, 0].sum(), loss.numel()))}
        weight = held.weight.expand_as(loss)
        return {"held_out": shared_mean((loss * weight).sum(), weight.sum())}
