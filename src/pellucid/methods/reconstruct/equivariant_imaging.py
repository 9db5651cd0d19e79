"""Equivariant imaging: from one instrument that leaves much unmeasured."""

from __future__ import annotations

from typing import Literal

import torch

from pellucid.data.measurement import Measurement
from pellucid.data.sampling import RandomSampling
from pellucid.data.splits import Split
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.learned import CENTRE, Preset, learned, unrolled
from pellucid.methods.reconstruct.measurement_consistency import Everything
from pellucid.objectives import normalised_l1_l2
from pellucid.objectives.equivariant import Equivariant, Symmetry

CARD = Card(
    title="Equivariant imaging",
    needs="measurements",
    assumes="images that are as likely turned or moved, seen otherwise then; little noise (but consistency=held_out)",
    independent=False,
    stabilise=False,
    gives="image",
    trained=True,
    equation="min_θ L(y, H x₁) + λ ‖T x₁ − F_θ(H T x₁; H)‖² / ‖T x₁‖², x₁ = F_θ(y; H), T a rotation",
    paper="Chen, Tachella, Davies, ICCV 2021 and CVPR 2022",
)


def equivariant_imaging(
    example: Measurement,
    *,
    rng: torch.Generator,
    preset: Preset = "auto",
    consistency: Literal["measurements", "held_out"] = "measurements",
    symmetry: Symmetry = "rotations",
    weight: float = 1.0,
) -> Method:
    r"""Train an unrolled network to explain the data, and to reconstruct a turned image as well as the image.

    Consistency H F(y) = y leaves F(y) + v(y) with any v in the null space of H just as good: where all recordings have
    the same H, nothing in them tells of it. But if T x is as good an image as x for all T of a group, then

        y = H x = (H T) (T⁻¹ x):

    the image T⁻¹ x, which is one like any other, was seen through H T, and the null spaces of all H T may have nothing
    in common but zero. Equivariance, F(H T x) = T F(H x), is how F learns from this. It learns nothing where H T has
    the null space of H, as with shifts for samples of a Fourier transform, and m measurements of images with n unknowns
    need a group of n / m elements at least.

    Parameters
    ----------
    example
        Some of the data, of a linear instrument.
    rng
        A generator on the CPU.
    preset
        ``paper``: ten unrolls of 592,129 parameters. ``lite``: for a CPU. ``auto``: by the device.
    consistency
        ``measurements``: L compares all samples, as in the paper, for data with little noise. ``held_out``: four in
        ten that the network was not given, as in SSDU.
    symmetry
        T: ``rotations`` by any angle, ``turns`` (quarter turns and mirror images), or ``shifts``.
    weight
        λ.

    Returns
    -------
    Method
        With one stage.

    Raises
    ------
    InputError
        Where the instrument is not linear, or too few samples were measured.

    Notes
    -----
    L is the normalised l1-l2 distance. Robust equivariant imaging estimates the risk of all samples by Stein's method
    where the noise is known; held-out samples do without its strength. Where it is known, H T x₁ gets noise as well.
    One T a step; rotations are bilinear, and what they turn in from outside is zero.

    References
    ----------
    Chen, Tachella, Davies, "Equivariant imaging: learning beyond the range space", ICCV 2021.
    Chen, Tachella, Davies, "Robust equivariant imaging: a fully unsupervised framework for learning to image from noisy
    and partial measurements", CVPR 2022.
    Tachella, Chen, Davies, "Sensing theorems for unsupervised learning in linear inverse problems", JMLR 24, 2023.
    """
    hidden = RandomSampling(0.4, centre=CENTRE if example.y.is_complex() else 0)
    hidden.check(example)
    split: Split = hidden if consistency == "held_out" else Everything()
    objective = Equivariant(split, normalised_l1_l2, symmetry, weight)
    return learned(unrolled(example, rng, preset), objective, example, CARD, preset=preset)
