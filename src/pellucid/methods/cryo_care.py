"""Cryo-CARE."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch

from pellucid.data.measurement import Measurement
from pellucid.methods.method import Card, Method
from pellucid.methods.noise2noise import noise2noise

CARD = Card(
    title="cryo-CARE (even and odd halves)",
    needs="repeats",
    assumes="noise that is independent between the two halves, with zero mean: even and odd frames, or tilts",
    independent=False,
    stabilise=False,
    gives="image",
    equation="min_θ Σ_n ‖F_θ(y_even) − y_odd‖² + ‖F_θ(y_odd) − y_even‖²; x̂ = (F_θ(y_even) + F_θ(y_odd)) / 2",
    paper="Buchholz, Jordan, Pigino, Jug, ISBI 2019",
)


def cryo_care(
    example: Measurement,
    *,
    rng: torch.Generator,
    loss: Literal["l2", "l1"] = "l2",
    features: int = 16,
    depth: int = 2,
    patch: int = 64,
    batch: int = 8,
    rate: float = 1e-3,
) -> Method:
    """Restore micrographs and tomograms by Noise2Noise on two halves of what was recorded.

    min_θ E‖F_θ(y_even) − y_odd‖², with the halves exchanged at random (survey eq. 8-10); the image is
    (F_θ(y_even) + F_θ(y_odd)) / 2. The halves come from the even and odd frames of a movie, or of every tilt, so that
    all that the halves share is the specimen.

    Parameters
    ----------
    example
        A micrograph, (batch, 1, row, column), or a tomogram, (batch, 1, plane, row, column), standardised.
    rng
        Draws the first weights; on the CPU.
    loss
        ``l2`` tends to the mean; ``l1``, the choice of the public code, to the median, for outliers.
    features, depth
        Of the U-Net.
    patch, batch, rate
        Patch size (a quarter of it along the planes), patches a step, learning rate.

    Returns
    -------
    Method
        Noise2Noise, but for the symmetries of its patches.

    Raises
    ------
    InputError
        Where the image is smaller than the network's need.

    Notes
    -----
    Patches of a tomogram are mirrored, and never turned by a right angle. The specimen was tilted about one axis,
    and what no tilt saw is a wedge of its Fourier transform, {|k_z| > tan α |k_x|} for tilts up to α about Y. Mirrors
    leave this wedge where it is. An exchange of rows and columns moves it, and the network would learn from patches
    with a wedge that no data have. A micrograph has no wedge, and all eight symmetries. Memory is bounded: training
    reads a sample of blocks, and restoring goes tile by tile, to the last voxel of any size.

    References
    ----------
    Buchholz, Jordan, Pigino, Jug, "Cryo-CARE: content-aware image restoration for cryo-transmission electron
    microscopy data", ISBI 2019.
    """
    method = noise2noise(
        example, rng=rng, loss=loss, features=features, depth=depth, patch=patch, batch=batch, rate=rate
    )
    stages = method.stages
    if example.y.ndim == 5:
        stages = tuple(replace(stage, symmetries="mirrors") for stage in stages)
    return replace(method, stages=stages, card=CARD)
