"""Total variation."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from skimage.restoration import denoise_tv_chambolle

from pellucid.data.measurement import Measurement
from pellucid.methods.calibration import Plane, by_discrepancy, calibrated
from pellucid.methods.method import Card, Method

CARD = Card(
    title="Total variation",
    needs="image",
    assumes="noise that is independent from pixel to pixel",
    independent=True,
    stabilise=True,
    gives="image, spread",
    equation="min_x ½‖y − x‖² + λ Σ_i |∇x|_i",
    paper="Rudin, Osher, Fatemi, Physica D 1992; Chambolle, JMIV 2004; calibrated as in Batson, Royer, ICML 2019",
)


def total_variation(
    example: Measurement,
    *,
    rng: torch.Generator,
    calibration: Literal["j_invariant", "discrepancy"] = "j_invariant",
    iterations: int = 50,
) -> Method:
    """Find the image of least total variation near the data; nothing is trained.

    min_x ½‖y − x‖² + λ Σ_i |∇x|_i (survey eq. 2). The strength λ is calibrated without a reference, by
    J-invariance; or, where the noise is correlated between pixels, by the discrepancy principle.

    Parameters
    ----------
    example
        Data of shape (batch, channel, *space), standardised, with its noise model.
    rng
        Draws the pixels that the calibration hides.
    calibration
        ``j_invariant``: the least self-supervised risk. ``discrepancy``: as strong as it may be while no more is
        removed than the noise holds; this asks for the strength of the noise only, not for independence.
    iterations
        Of Chambolle's fixed point: always all of them, so that tiles and the whole image agree.

    Returns
    -------
    Method
        Without stages. Calibrated by J-invariance, each pixel is predicted while hidden, and joined with what was
        seen; otherwise the image is restored in one pass.

    Raises
    ------
    InputError
        Where the noise is not known.

    Notes
    -----
    The computation is scikit-image's.

    References
    ----------
    Rudin, Osher, Fatemi, "Nonlinear total variation based noise removal algorithms", Physica D 60, 1992.
    Morozov, "On the solution of functional equations by the method of regularization", 1966.
    Chambolle, "An algorithm for total variation minimization and applications", JMIV 20, 2004.
    """

    def denoise(image: Plane, strength: float) -> Plane:
        out: Plane = denoise_tv_chambolle(image, weight=strength, eps=0.0, max_num_iter=iterations)
        return out.astype(np.float32, copy=False)

    if calibration == "discrepancy":
        strengths = (0.25, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.3, 2.6, 3.0, 4.0, 6.0)
        return by_discrepancy(example, denoise, strengths, CARD)
    return calibrated(example, denoise, (0.25, 0.4, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2), CARD, rng)
