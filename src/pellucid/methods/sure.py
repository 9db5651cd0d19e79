"""Stein's unbiased risk estimate."""

from __future__ import annotations

import torch

from pellucid.data.measurement import Measurement
from pellucid.methods.method import Card, Method, Stage
from pellucid.methods.recipe import enhancer, patch_size
from pellucid.objectives import Sure
from pellucid.restorers import Flips
from pellucid.training import Adam

CARD = Card(
    title="Stein's unbiased risk estimate (SURE)",
    needs="image",
    assumes="noise that is independent from pixel to pixel, Gaussian or Poisson-Gaussian, and of known strength",
    independent=True,
    stabilise=False,
    gives="image",
    equation="min_θ Σ_i (F_θ(y) − y)_i² + 2 s_i² ∂F_θ(y)_i / ∂y_i",
    paper="Stein 1981; Ramani et al. 2008; photons: Le Montagner et al. 2014; networks: Soltanayev, Chun, NeurIPS 2018",
)


def sure(
    example: Measurement,
    *,
    rng: torch.Generator,
    features: int = 16,
    depth: int = 2,
    patch: int = 96,
    batch: int = 6,
    rate: float = 1e-3,
    flips: bool = True,
) -> Method:
    """Minimise an estimate of the true error of a network that sees every pixel.

    E (F(y) − x)_i² = E (F(y) − y)_i² − s² + 2 s² E ∂F_i/∂y_i: what keeps F from the identity is the price of a slope.

    Parameters
    ----------
    example
        Data of shape (batch, channel, *space), standardised, with its noise model.
    rng
        Draws the first weights; on the CPU.
    features, depth
        Of the U-Net.
    patch, batch, rate
        Patch size, patches a step, learning rate.
    flips
        Average the answers over the eight symmetries of the plane.

    Returns
    -------
    Method
        Its risk is Stein's too, but on pixels that were never a target: the weights depend on all others, where the
        estimate is therefore too low.

    Raises
    ------
    InputError
        Where the image is smaller than the network's need.

    Notes
    -----
    Poisson-Gaussian noise is not stabilised: with s_i² = gain y_i + σ² the estimate is right for it to first order in
    the gain (`Sure`), and the error is that in the units of the image. The network is that of N2V2, without
    a skip at the top.

    References
    ----------
    Stein, "Estimation of the mean of a multivariate normal distribution", Annals of Statistics 9, 1981.
    Ramani, Blu, Unser, "Monte-Carlo SURE: a black-box optimization of regularization parameters for general denoising
    algorithms", IEEE Transactions on Image Processing 17, 2008.
    Le Montagner, Angelini, Olivo-Marin, "An unbiased risk estimator for image denoising in the presence of mixed
    Poisson-Gaussian noise", IEEE Transactions on Image Processing 23, 2014.
    Soltanayev, Chun, "Training deep learning based denoisers without ground truth data", NeurIPS 2018.
    """
    model = enhancer(example, rng, features=features, depth=depth, variance=False)
    return Method(
        model=model,
        restorer=Flips(model) if flips else model,
        stages=(
            Stage(
                model=model,
                objective=Sure(),
                patch=patch_size(example, patch, depth),
                batch=batch,
                adam=Adam(rate=rate),
            ),
        ),
        card=CARD,
    )
