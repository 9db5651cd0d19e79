"""How far two maps agree that lie in space as they like: density that was found from unknown poses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._math.rotations import angle_between, uniform_rotations
from pellucid._math.turn import mirrored, resized, turned
from pellucid.errors import InputError
from pellucid.metrics.fourier import Array, fsc, resolution

_COARSE = 20  # voxels along an edge, for the search
_TRIED = 1500  # rotations: neighbours lie 15 degrees apart
_STARTS, _APART = 4, 0.5  # of them, for the descent; radians between these


@dataclass(frozen=True)
class Aligned:
    """A map as it lies on another.

    Parameters
    ----------
    volume
        Shape (1, 1, size, size, size).
    rotation, shift
        By which it was turned, a (z, y, x) matrix, and then displaced, (z, y, x) in voxels.
    mirrored
        Whether it was brought to the other hand before, z for -z.
    correlation
        Of all voxels with those of the other map.
    """

    volume: Tensor
    rotation: Tensor
    shift: Tensor
    mirrored: bool
    correlation: float


@dataclass(frozen=True)
class HalfSets:
    """How far the maps of two halves of the particles agree.

    Parameters
    ----------
    frequency, correlation
        The Fourier shell correlation, in cycles a voxel.
    resolution
        In voxels: one over the frequency where the curve first falls below 0.143.
    second
        The second map as it lies on the first.
    """

    frequency: Array
    correlation: Array
    resolution: float
    second: Aligned


def aligned(volume: Tensor, onto: Tensor, rng: torch.Generator, *, hands: tuple[bool, ...] = (False, True)) -> Aligned:
    """Turn, displace and if needed mirror a map, so that it correlates best with another.

    Rotations at random are tried on coarse maps; the best of them, not next to each other, start a descent (L-BFGS)
    over rotation and shift, and the best of these goes on with the whole maps.

    Parameters
    ----------
    volume, onto
        Of one shape, (1, 1, size, size, size).
    rng
        Draws the rotations; on the device of the maps.
    hands
        Which are tried: True is the mirrored one.

    Notes
    -----
    The search finds the best fit, so that even maps that have nothing in common correlate after it: noise in a ball
    by 0.1 or more. A control beside it tells how much.
    """
    _check(volume, onto)
    found = []
    for hand in hands:
        seen = mirrored(volume) if hand else volume
        rotation, shift = _descended(seen, onto, *_searched(seen, onto, rng))
        there = turned(seen, rotation[None], shift[None], finer=2)
        found.append(Aligned(there, rotation, shift, hand, float(_correlations(there, onto))))
    return max(found, key=lambda each: each.correlation)


def half_set_fsc(first: Tensor, second: Tensor, rng: torch.Generator, *, radius: float = 0.85) -> HalfSets:
    """Return the Fourier shell correlation of two maps, each found from its own half of the particles.

    The second is aligned onto the first, over rotations, shifts and hands; then both are seen through a ball with a
    soft edge.

    Parameters
    ----------
    first, second
        Of one shape, (1, 1, size, size, size). The two runs may share nothing: no image, no critic, no first map.
    rng
        For `aligned`.
    radius
        Of the ball, in half edges; its edge falls as a cosine over a tenth of the size, outwards.

    Notes
    -----
    The threshold 0.143 is where a map of all particles would correlate by one half with the truth (Rosenthal and
    Henderson). That holds for independent errors. What both runs assume, such as positivity, a wrong contrast transfer
    function or a wrong distribution of poses, they agree about: this number cannot tell it.

    References
    ----------
    Rosenthal, Henderson, "Optimal determination of particle orientation, absolute hand, and contrast loss in
    single-particle electron cryomicroscopy", Journal of Molecular Biology 333 (2003).
    """
    fitted = aligned(second, first, rng)
    ball = _soft_ball(first, radius)
    frequency, correlation = fsc((first * ball)[0, 0], (fitted.volume * ball)[0, 0])
    return HalfSets(frequency, correlation, resolution(frequency, correlation, 0.143), fitted)


def _check(volume: Tensor, onto: Tensor) -> None:
    size = volume.shape[-1]
    if volume.shape != onto.shape or volume.shape != (1, 1, size, size, size):
        raise InputError(
            f"Two maps of one shape (1, 1, size, size, size) can be aligned, but they have the shapes "
            f"{tuple(volume.shape)} and {tuple(onto.shape)}."
        )
    if not (volume.std() > 0 and onto.std() > 0):
        raise InputError("A map is constant: there is nothing in it to align; train it longer, or check its images.")


def _correlations(volumes: Tensor, onto: Tensor) -> Tensor:
    """Return the correlation of each volume with one, shape (element,)."""
    a, b = volumes.flatten(1), onto.flatten()
    a, b = a - a.mean(1, keepdim=True), b - b.mean()
    values: Tensor = (a @ b) / (a.norm(dim=1) * b.norm()).clamp(min=1e-12)
    return values


def _searched(volume: Tensor, onto: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the rotation and the shift, among all, that fit best on coarse maps."""
    size = volume.shape[-1]
    coarse = min(_COARSE, size)
    volume, onto = (resized(map_, coarse) if coarse < size else map_ for map_ in (volume, onto))
    tried = uniform_rotations(_TRIED, rng).to(volume.dtype)
    values = torch.cat([_correlations(turned(volume, some), onto) for some in torch.split(tried, 250)])
    starts: list[Tensor] = []
    for rotation in tried[values.argsort(descending=True)]:
        if len(starts) < _STARTS and all(angle_between(rotation, other) > _APART for other in starts):
            starts.append(rotation)
    ends = [_descended(volume, onto, start, start.new_zeros(3)) for start in starts]
    fits = [float(_correlations(turned(volume, r[None], t[None]), onto)) for r, t in ends]
    rotation, shift = ends[fits.index(max(fits))]
    return rotation, shift * (size / coarse)


def _descended(volume: Tensor, onto: Tensor, start: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rotation and the shift, next to a first guess, after which a volume correlates best with another."""
    volume, onto, identity = volume.detach(), onto.detach(), torch.eye(3, dtype=start.dtype, device=start.device)
    angles, shift = torch.zeros_like(shift, requires_grad=True), shift.clone().requires_grad_()
    descent = torch.optim.LBFGS([angles, shift], max_iter=20, line_search_fn="strong_wolfe")

    def rotation() -> Tensor:
        there: Tensor = torch.linalg.matrix_exp(torch.linalg.cross(identity, angles.expand(3, 3), dim=-1)) @ start
        return there

    def loss() -> float:
        descent.zero_grad()
        with torch.enable_grad():
            value = -_correlations(turned(volume, rotation()[None], shift[None]), onto)[0]
            value.backward()  # type: ignore[no-untyped-call]
        return float(value.detach())

    descent.step(loss)  # type: ignore[no-untyped-call]
    return rotation().detach(), shift.detach()


def _soft_ball(like: Tensor, radius: float) -> Tensor:
    """Return a ball of ones whose edge falls as a cosine."""
    size = like.shape[-1]
    ramp = torch.arange(size, dtype=like.dtype, device=like.device) - size // 2
    distance = (ramp[:, None, None] ** 2 + ramp[:, None] ** 2 + ramp**2).sqrt()
    beyond = ((distance - radius * size / 2) / (0.1 * size)).clamp(0, 1)
    return 0.5 * (1 + (math.pi * beyond).cos())
