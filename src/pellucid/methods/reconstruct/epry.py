"""Embedded pupil function recovery."""

from __future__ import annotations

import torch

from pellucid.data.measurement import Measurement
from pellucid.data.sampling import RandomSampling
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method
from pellucid.operators.ptychography import FourierPtychography
from pellucid.restorers.embedded_pupil import EmbeddedPupil

CARD = Card(
    title="Embedded pupil function recovery",
    needs="measurements",
    assumes="Fourier ptychography, with noise weaker than the signal",
    independent=False,
    stabilise=False,
    gives="image",
    equation="min over x and A of Σ_l ‖√y_l − |F⁻¹(P_l A · crop(F x, k_l))|‖²",
    paper="Ou, Zheng, Yang, Optics Express 2014",
)


def epry(example: Measurement, *, rng: torch.Generator, iterations: int = 20, pupil: bool = True) -> Method:
    """Alternate between the recorded amplitude of each view and one object and pupil that explain all of them.

    Parameters
    ----------
    example
        Intensities of Fourier ptychography, (batch, 1, view, row, column).
    rng
        Not used.
    iterations
        Passes over all views.
    pupil
        Whether the aberrations of the objective are corrected too.

    Returns
    -------
    Method
        Without stages; it gives the complex object.

    Raises
    ------
    InputError
        Where the operator is not that of Fourier ptychography.

    References
    ----------
    Ou, Zheng, Yang, "Embedded pupil function recovery for Fourier ptychographic microscopy", Optics Express 22, 2014.
    """
    if not isinstance(example.operator, FourierPtychography):
        name = type(example.operator).__name__
        raise InputError(f"epry is a method for Fourier ptychography, but the instrument is {name}: use --method cg.")
    restorer = EmbeddedPupil(iterations=iterations, pupil=pupil)
    return Method(model=restorer, prior=restorer, restorer=restorer, split=RandomSampling(), card=CARD)
