"""Non-local Bayes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.restoration import denoise_tv_chambolle
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods.calibration import Plane, each
from pellucid.methods.method import Card, Method
from pellucid.noise import autocorrelation
from pellucid.restorers import Regularised
from pellucid.restorers.non_local_bayes import NonLocalBayes

CARD = Card(
    title="Non-local Bayes",
    needs="image",
    assumes="noise of known strength; where neighbours are correlated, how is read from the image",
    independent=False,
    stabilise=True,
    gives="image, spread",
    equation="x̂ = m + C (C + S)⁻¹ (p − m), with m and C of patches p that look alike, S of the noise",
    paper="Lebrun, Buades, Morel, SIAM Journal on Imaging Sciences 2013",
)
_LIGHT = 0.4  # strength of the first guide, in multiples of the noise
_ITERATIONS = 20  # of the first guide


def non_local_bayes(
    example: Measurement,
    *,
    rng: torch.Generator,
    patch: int = 7,
    radius: int = 8,
    count: int = 64,
    passes: int = 2,
) -> Method:
    """Denoise each group of similar patches by Bayes' rule; nothing is trained.

    x̂ = m + C (C + S)⁻¹ (p − m) (Lebrun et al., equation 5): patches p that look alike are draws of one Gaussian, whose
    mean m and covariance C are taken from a guide; S is the covariance of the noise.

    Parameters
    ----------
    example
        Data of shape (batch, channel, *space), standardised, with its noise model.
    rng
        Of no effect, since nothing is drawn.
    patch, radius, count
        Side of a patch, how far similar ones are looked for, and how many make a group.
    passes
        Each takes the answer of the last as its guide.

    Returns
    -------
    Method
        Without stages.

    Raises
    ------
    InputError
        Where the noise is not known.

    Notes
    -----
    The paper takes the first guide from the noisy patches themselves, C = Cov(p) - S, which at the noise of
    fluorescence is seldom positive. Here it is total variation of 0.4 times the noise, times the area over which the
    noise is correlated; S then holds the correlation that the flattest parts of the image show.

    References
    ----------
    Lebrun, Buades, Morel, "A nonlocal Bayesian image denoising algorithm", SIAM Journal on Imaging Sciences 6, 2013.
    """
    if example.noise is None:
        raise InputError("Non-local Bayes needs to know how strong the noise is; no noise model came with the data.")
    correlation = _correlation(example)
    strength = _LIGHT * float(correlation.sum()) * float(example.noise.variance(example.y).amax().sqrt())

    def smooth(given: Measurement, strength: float) -> Tensor:
        def one(image: Plane) -> Plane:
            out: Plane = denoise_tv_chambolle(image, weight=strength, eps=0.0, max_num_iter=_ITERATIONS)
            return out.astype(np.float32, copy=False)

        return each(one, given.y.flatten(0, -3).unsqueeze(1)).view(given.y.shape)

    guide = Regularised(smooth, strength)
    model = NonLocalBayes(guide, correlation, patch=patch, radius=radius, count=count, passes=passes)
    return Method(model=model, restorer=model, card=CARD)


def _correlation(example: Measurement) -> Tensor:
    """Return the correlation of the noise by shift; one in the centre alone where it is independent."""
    assert example.noise is not None
    noise, y = example.noise, example.y.detach().double()
    alone = torch.zeros(7, 7, device=y.device)
    alone[3, 3] = 1.0
    if not y.std() > 0:  # a blank image, on which a saved model is rebuilt
        return alone

    def variance_at(z: NDArray[np.float64]) -> NDArray[np.float64]:
        at = torch.from_numpy(z).to(y)
        return noise.variance(at).expand_as(at).cpu().numpy()

    found = autocorrelation(y.flatten(0, -3).cpu().numpy(), variance_at)
    return torch.from_numpy(found.map).to(alone) if found.correlated else alone
