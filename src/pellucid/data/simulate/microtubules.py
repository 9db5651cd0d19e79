"""Microtubules for localisation microscopy: stiff filaments, labels on them, and frames in which these blink."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.data.localisations import Localisations
from pellucid.noise import NoiseModel
from pellucid.operators.smlm import Emitters


@dataclass(frozen=True, kw_only=True)
class Movie:
    """Frames of blinking labels, and what is in them.

    Parameters
    ----------
    frames
        What the camera records, (frame, 1, row, column).
    truth
        Each label in each frame in which it is bright, with its photons.
    """

    frames: Tensor
    truth: Localisations


def filaments(
    count: int,
    space_nm: tuple[float, float],
    rng: torch.Generator,
    *,
    persistence_nm: float = 20_000.0,
    step_nm: float = 10.0,
) -> Tensor:
    """Return worm-like chains through random points of a field, (filament, point, 2) in nanometres.

    The direction is a random walk: its mean cosine with where it started falls as exp(-s / 2P) along the length s in
    a plane, P the persistence length.

    Parameters
    ----------
    count
        Number of filaments.
    space_nm
        (height, width) of the field; filaments pass through it and leave on both sides.
    rng
        Where points and directions come from.
    persistence_nm
        P. Microtubules in cells are bent more than their thermal 5 mm.
    step_nm
        From point to point.
    """
    extent = torch.tensor(space_nm, dtype=torch.float64)
    points = math.ceil(float(torch.linalg.vector_norm(extent)) / step_nm)
    middle = torch.rand(count, 1, 2, generator=rng, dtype=torch.float64) * extent
    start = 2 * math.pi * torch.rand(count, 1, generator=rng, dtype=torch.float64)
    arms = []
    for side in (0.0, math.pi):
        bends = torch.randn(count, points, generator=rng, dtype=torch.float64) * math.sqrt(step_nm / persistence_nm)
        angles = start + side + bends.cumsum(1)
        arms.append(middle + step_nm * torch.stack([angles.sin(), angles.cos()], 2).cumsum(1))
    return torch.cat([arms[0].flip(1), middle, arms[1]], 1)


def labels(chains: Tensor, spacing_nm: float, rng: torch.Generator, *, radius_nm: float = 12.5) -> Tensor:
    """Return labels at random places on filaments, (label, 2): on a tube of this radius, seen from the side.

    Parameters
    ----------
    chains
        From `filaments`.
    spacing_nm
        Mean distance between labels along a filament.
    rng
        Where they sit.
    radius_nm
        Of the tube: 12.5 nm, and the length of what binds the dye.
    """
    steps = chains.diff(dim=1)
    lengths = torch.linalg.vector_norm(steps, dim=2, keepdim=True)
    count = torch.poisson(lengths / spacing_nm, generator=rng)[..., 0].long().flatten()
    chosen = torch.repeat_interleave(torch.arange(len(count)), count)
    along, around = torch.rand(2, len(chosen), 1, generator=rng, dtype=chains.dtype)
    direction = steps.reshape(-1, 2)[chosen]
    across = direction.flip(1) * direction.new_tensor([1.0, -1.0]) / lengths.reshape(-1, 1)[chosen]
    axis = chains[:, :-1].reshape(-1, 2)[chosen] + along * direction
    places: Tensor = axis + radius_nm * (2 * math.pi * around).cos() * across
    return places


def blinking(
    positions_nm: Tensor,
    frames: int,
    rng: torch.Generator,
    *,
    bright: float = 0.002,
    lifetime: float = 2.0,
    photons: float = 1000.0,
) -> Localisations:
    """Return when labels are bright: each switches on and off at random, on its own.

    Parameters
    ----------
    positions_nm
        (label, 2).
    frames
        Number of frames.
    rng
        When they switch.
    bright
        Share of the time in which a label is on.
    lifetime
        Mean number of frames that it stays so, at least one.
    photons
        Mean number a frame, exponentially distributed.
    """
    off, rate = 1 / lifetime, bright / (1 - bright) / lifetime
    state = torch.rand(len(positions_nm), generator=rng) < bright
    seen = []
    for _ in range(frames):
        seen.append(state)
        draw = torch.rand(len(positions_nm), generator=rng)
        state = torch.where(state, draw >= off, draw < rate)
    frame, label = torch.stack(seen).nonzero(as_tuple=True)
    strength = -photons * torch.rand(len(frame), generator=rng, dtype=positions_nm.dtype).clamp(min=1e-12).log()
    return Localisations(frame=frame, positions_nm=positions_nm[label], photons=strength)


def movie(
    truth: Localisations,
    frames: int,
    rng: torch.Generator,
    *,
    space: tuple[int, int],
    pixel_size_nm: float = 100.0,
    sigma_nm: float = 110.0,
    background: float = 10.0,
    noise: NoiseModel | None = None,
) -> Movie:
    """Return the frames that a camera records of bright labels.

    Parameters
    ----------
    truth
        From `blinking`.
    frames
        Number of frames.
    rng
        Where the noise comes from.
    space
        (rows, columns) of a frame.
    pixel_size_nm
        Of the camera, in the plane of the object.
    sigma_nm
        Standard deviation of the point spread function.
    background
        Photons a pixel.
    noise
        Of the camera, in photons; none unless given.
    """
    counts = torch.bincount(truth.frame, minlength=frames)
    order = truth.frame.argsort(stable=True)
    place = torch.arange(len(truth)) - (counts.cumsum(0) - counts)[truth.frame[order]]
    emitters = torch.zeros(frames, max(int(counts.max()), 1), 3, dtype=truth.positions_nm.dtype)
    photons = torch.ones(len(truth)) if truth.photons is None else truth.photons
    pixels = truth.positions_nm / pixel_size_nm - 0.5
    emitters[truth.frame[order], place] = torch.cat([pixels, photons[:, None]], 1).to(emitters)[order]
    clean = Emitters(sigma_nm / pixel_size_nm, space=space, background=background)(emitters).float()
    return Movie(frames=clean if noise is None else noise.sample(clean, rng), truth=truth)
