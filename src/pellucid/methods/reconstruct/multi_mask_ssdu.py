"""Self-supervision by many divisions of the same samples."""

from __future__ import annotations

import torch

from pellucid.data.measurement import Measurement
from pellucid.data.sampling import RandomSampling
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.learned import CENTRE, Preset, learned, unrolled
from pellucid.objectives import HeldOut, normalised_l1_l2

CARD = Card(
    title="Multi-mask SSDU",
    needs="measurements",
    assumes="sampling that varies from scan to scan, or many coils; noise of each sample its own",
    independent=True,
    stabilise=False,
    gives="image",
    trained=True,
    equation="min_θ Σ_n Σ_l L(y_Λl, H_Λl F_θ(y_Θl; H_Θl)), l = 1 ... L",
    paper="Yaman, Gu, Hosseini, Demirel, Moeller, Ellermann, Uğurbil, Akçakaya, NMR in Biomedicine 2022",
)


def multi_mask_ssdu(
    example: Measurement,
    *,
    rng: torch.Generator,
    preset: Preset = "auto",
    fraction: float = 0.4,
    masks: int = 8,
    fresh: bool = False,
) -> Method:
    """Train an unrolled network on several divisions of each slice into given and predicted samples (survey eq. 17).

    min_θ Σ_n Σ_l L(y_Λl, H_Λl F_θ(y_Θl; H_Θl)), with L the normalised l1-l2 distance and Λl uniform on Ω.

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
    masks
        Divisions of each slice.
    fresh
        Draw a new division at each step in their place, so that none is ever seen twice.

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
    Each step draws one of the divisions; the paper visits them in turn, as if there were L times as many slices.

    References
    ----------
    Yaman et al., "Multi-mask self-supervised learning for physics-guided neural networks in highly accelerated
    magnetic resonance imaging", NMR in Biomedicine 35, 2022.
    """
    centre = CENTRE if example.y.is_complex() else 0
    split = RandomSampling(fraction, centre=centre, masks=None if fresh else masks, seed=1)
    split.check(example)
    model, objective = unrolled(example, rng, preset), HeldOut(split, normalised_l1_l2)
    return learned(model, objective, example, CARD, preset=preset)
