"""Self-supervision by data undersampling."""

from __future__ import annotations

from typing import Literal

import torch

from pellucid.data.measurement import Measurement
from pellucid.data.sampling import RandomSampling
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.learned import CENTRE, Preset, learned, unrolled
from pellucid.objectives import HeldOut, normalised_l1_l2

CARD = Card(
    title="Self-supervision by data undersampling (SSDU)",
    needs="measurements",
    assumes="sampling that varies from scan to scan, or many coils; noise of each sample its own",
    independent=True,
    stabilise=False,
    gives="image",
    trained=True,
    equation="min_θ Σ_n L(y_Λ, H_Λ F_θ(y_Θ; H_Θ))",
    paper="Yaman, Hosseini, Moeller, Ellermann, Uğurbil, Akçakaya, MRM 2020",
)


def ssdu(
    example: Measurement,
    *,
    rng: torch.Generator,
    preset: Preset = "auto",
    fraction: float = 0.4,
    density: Literal["gaussian", "uniform"] = "gaussian",
) -> Method:
    """Train an unrolled network to predict measured samples Λ from the others, Θ (survey eq. 16).

    min_θ Σ_n L(y_Λ, H_Λ F_θ(y_Θ; H_Θ)), with L the normalised l1-l2 distance. At inference all samples are given.

    Parameters
    ----------
    example
        Some of the data, of a linear instrument.
    rng
        A generator on the CPU.
    preset
        ``paper``: ten unrolls of 592,129 parameters. ``lite``: for a CPU. ``auto``: by the device.
    fraction
        ρ = |Λ| / |Ω|.
    density
        Of Λ: ``gaussian`` around the centre of k-space, or ``uniform``.

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
    The division is fixed for each slice, as in the paper.

    References
    ----------
    Yaman, Hosseini, Moeller, Ellermann, Uğurbil, Akçakaya, "Self-supervised learning of physics-guided reconstruction
    neural networks without fully sampled reference data", Magnetic Resonance in Medicine 84, 2020.
    """
    split = RandomSampling(fraction, density=density, centre=CENTRE if example.y.is_complex() else 0, masks=1, seed=1)
    split.check(example)
    objective = HeldOut(split, normalised_l1_l2)
    return learned(unrolled(example, rng, preset), objective, example, CARD, preset=preset)
