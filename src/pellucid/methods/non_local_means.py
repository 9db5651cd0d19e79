"""Non-local means."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import maximum_filter
from skimage.restoration import denoise_nl_means

from pellucid.data.measurement import Measurement
from pellucid.methods.calibration import Plane, calibrated
from pellucid.methods.method import Card, Method

CARD = Card(
    title="Non-local means",
    needs="image",
    assumes="noise that is independent from pixel to pixel",
    independent=True,
    stabilise=True,
    gives="image, spread",
    equation="x̂_i = Σ_j w_ij y_j / Σ_j w_ij, w_ij = exp(−max(d²_ij − 2σ², 0) / h²)",
    paper="Buades, Coll, Morel, CVPR 2005; calibrated as in Batson, Royer, ICML 2019",
)


def non_local_means(example: Measurement, *, rng: torch.Generator, patch: int = 5, distance: int = 6) -> Method:
    """Average pixels whose surroundings look alike; nothing is trained.

    x̂_i = Σ_j w_ij y_j / Σ_j w_ij with w_ij = exp(−max(d²_ij − 2σ², 0) / h²), d the mean squared difference of the
    patches around i and j and h = 0.6 σ. The strength σ is calibrated without a reference, by J-invariance.

    Parameters
    ----------
    example
        Data of shape (batch, channel, *space), standardised, with its noise model.
    rng
        Draws the pixels that the calibration hides.
    patch
        Size of the patches that are compared.
    distance
        How far apart two patches may lie.

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
    Buades, Coll, Morel, "A non-local algorithm for image denoising", CVPR 2005.
    """

    def denoise(image: Plane, sigma: float) -> Plane:
        reach = distance if image.ndim == 2 else max(distance // 2, 1)
        shape = {"patch_size": patch, "patch_distance": reach}
        out: Plane = denoise_nl_means(image, h=0.6 * sigma, sigma=sigma, fast_mode=True, **shape)
        # scikit-image passes over NaN, by which a halo is measured: what it may have touched is not a number
        out[maximum_filter(np.isnan(image), 2 * (reach + patch // 2) + 1)] = np.nan
        return out.astype(np.float32, copy=False)

    return calibrated(example, denoise, (0.6, 0.75, 0.9, 1.05, 1.2, 1.4), CARD, rng)
