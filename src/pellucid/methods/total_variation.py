"""Total variation."""

from __future__ import annotations

import numpy as np
import torch
from skimage.restoration import denoise_tv_chambolle

from pellucid.data.measurement import Measurement
from pellucid.methods.calibration import Plane, calibrated
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


def total_variation(example: Measurement, *, rng: torch.Generator, iterations: int = 50) -> Method:
    """Find the image of least total variation near the data; nothing is trained.

    min_x ½‖y − x‖² + λ Σ_i |∇x|_i (survey eq. 2). The strength λ is calibrated without a reference, by
    J-invariance.

    Parameters
    ----------
    example
        Data of shape (batch, channel, *space), standardised, with its noise model.
    rng
        Draws the pixels that the calibration hides.
    iterations
        Of Chambolle's fixed point: always all of them, so that tiles and the whole image agree.

    Returns
    -------
    Method
        Without stages; each pixel is predicted while hidden, and joined with what was seen.

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
    Chambolle, "An algorithm for total variation minimization and applications", JMIV 20, 2004.
    """

    def denoise(image: Plane, strength: float) -> Plane:
        out: Plane = denoise_tv_chambolle(image, weight=strength, eps=0.0, max_num_iter=iterations)
        return out.astype(np.float32, copy=False)

    return calibrated(example, denoise, (0.25, 0.4, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2), CARD, rng)
