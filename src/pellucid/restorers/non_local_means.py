"""Non-local means, for iterations that need a denoiser when none was trained."""

from __future__ import annotations

import numpy as np
import torch
from skimage.restoration import denoise_nl_means
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.restorers.base import Restorer

_PATCH, _REACH = 5, {2: 6, 3: 2}  # pixels; how far apart two patches lie, by number of spatial axes


class NonLocalMeans(Restorer):
    """x̂_i = Σ_j w_ij y_j / Σ_j w_ij, with weights that fall with the difference of the patches around i and j.

    Parameters
    ----------
    sigma
        Standard deviation of the noise that it removes.

    References
    ----------
    Buades, Coll, Morel, "A non-local algorithm for image denoising", 2005. The computation is scikit-image's.
    """

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.sigma = sigma

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the image, (batch, channel, *space)."""
        shape = {"patch_size": _PATCH, "patch_distance": _REACH[given.y.ndim - 2]}
        images = given.y.detach().cpu().double().flatten(0, 1).numpy() / self.sigma
        found = [denoise_nl_means(image, h=0.6, sigma=1.0, fast_mode=True, **shape) for image in images]
        return (torch.from_numpy(np.stack(found)) * self.sigma).view(given.y.shape).to(given.y)
