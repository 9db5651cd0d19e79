"""Naive self-supervision: a control that learns the noise."""

from __future__ import annotations

import torch

from pellucid.data.measurement import Measurement
from pellucid.data.splits import Split
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.learned import Preset, learned, unrolled
from pellucid.objectives import HeldOut, normalised_l1_l2

CARD = Card(
    title="Measurement consistency (a control)",
    needs="measurements",
    assumes="no noise, and an instrument that leaves nothing open: only to see what hiding samples is good for",
    independent=False,
    stabilise=False,
    gives="image",
    trained=True,
    equation="min_θ Σ_n L(y, H F_θ(y; H))",
    paper="survey eq. 18 (Akçakaya et al., IEEE SPM 39, 2022)",
)


class Everything(Split):
    """All samples are given, and the same are held."""

    def __call__(self, batch: Measurement, rng: torch.Generator) -> tuple[Measurement, Measurement]:
        """Return the batch twice."""
        return batch, batch


def measurement_consistency(example: Measurement, *, rng: torch.Generator, preset: Preset = "auto") -> Method:
    """Train an unrolled network to explain what it was given (survey eq. 18): the noise too, and nothing else.

    min_θ Σ_n L(y, H F_θ(y; H)), with L the normalised l1-l2 distance. Any image with Hx = y is a minimiser.

    Parameters
    ----------
    example
        Some of the data, of a linear instrument.
    rng
        A generator on the CPU.
    preset
        ``paper``: ten unrolls of 592,129 parameters. ``lite``: for a CPU. ``auto``: by the device.

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
    A control for benchmarks: it amplifies noise, as least squares do, the longer the more.

    References
    ----------
    Akçakaya, Yaman, Chung, Ye, "Unsupervised deep learning methods for biological image reconstruction and
    enhancement", IEEE Signal Processing Magazine 39, 2022.
    """
    objective = HeldOut(Everything(), normalised_l1_l2)
    return learned(unrolled(example, rng, preset), objective, example, CARD, preset=preset)
