"""OT-cycleGAN: deconvolution from recordings and clean images of other objects, by optimal transport."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pellucid.errors import InputError
from pellucid.methods.generate.generative import Generative
from pellucid.methods.method import Card
from pellucid.networks import PatchCritic, Residual, UNet, initialise
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.objectives.transport import OptimalTransport
from pellucid.operators.base import LinearOperator
from pellucid.restorers import Enhancer
from pellucid.restorers.transport import LearnedBlur, Transport
from pellucid.training import Adam

CARD = Card(
    title="OT-cycleGAN",
    needs="unpaired",
    assumes="a known instrument and noise, or a blur that is learned",
    independent=False,
    stabilise=False,
    gives="images",
    equation="min_G max_V λ(E‖x − G(H x + w)‖₁ + E‖y − H G y‖₁) + D(x ‖ G y)",
    paper="Sim et al., SIAM Journal on Imaging Sciences 2020; Lim et al., IEEE Trans. Computational Imaging 2020",
    trained=True,
)


def ot_cyclegan(
    shape: Sequence[int],
    operator: LinearOperator | None = None,
    *,
    rng: torch.Generator,
    adversarial: float | None = None,
    divergence: str = "least_squares",
    penalty: float = 0.0,
    width: int = 11,
    features: int = 16,
    depth: int = 2,
    rate: float = 2e-3,
) -> Generative:
    """Restore with G so that H G y = y and G H x = x, and that G y looks like the clean images x.

    min_G max_V λ (E‖x − G(H x + w)‖₁ + E‖y − H G y‖₁) + D(x ‖ G y): the dual of the transport between recordings and
    images at the cost ‖y − H x‖ + ‖x − G y‖ (survey eq. 41-45). H known: one network and one critic. H unknown: its
    kernel is learned beside G, and a second critic compares H x + w with y.

    Parameters
    ----------
    shape
        (channel, *space) of images and recordings.
    operator
        H, whose recordings are images of the same size; None learns a blur.
    rng
        Draws the first weights; on the CPU.
    adversarial
        Weight of D where λ is ten; at zero, with H known, there is no critic. None: 0.1 where H is known, 1 where not.
    divergence, penalty
        D by name, and the weight of the gradient penalty: ``wasserstein`` with 10 is the dual itself.
    width
        Of the kernel that is learned, odd.
    features, depth
        Of the U-Net G; the critics have as many features.
    rate
        Learning rate of G and H; that of the critics is two fifths of it.

    Returns
    -------
    Generative
        For `fit`, with `Draws` of both kinds whose recordings know their noise, and `ForwardRisk` as validation.

    Raises
    ------
    InputError
        Where a blur shall be learned without a critic, or images are smaller than a critic sees.

    Notes
    -----
    Noise w is added to H x (`Transport.record`): without, G would be trained on recordings that do not exist. With H
    exactly known the cycle alone learns from simulated pairs, and D adds no accuracy; a large weight of D takes some
    away, which the forward risk tells without truth (`benchmarks/ot_cyclegan.py`). Departures: least squares in
    place of W1, no image pool, rates that fall as a cosine, running mean of the weights.

    References
    ----------
    Sim, Oh, Kim, Jung, Ye, "Optimal transport driven CycleGAN for unsupervised learning in inverse problems", SIAM J.
    Imaging Sciences 13, 2020.
    Lim, Park, Lee, Chang, Sim, Ye, "CycleGAN with a blur kernel for deconvolution microscopy: optimal transport
    geometry", IEEE Transactions on Computational Imaging 6, 2020.
    """
    channels, *space = shape
    dims, blind = len(space), operator is None
    adversarial = (1.0 if blind else 0.1) if adversarial is None else adversarial
    if blind and not adversarial:
        raise InputError("A blur is learned by the critic of recordings: give adversarial a weight above zero.")

    def critic() -> PatchCritic:
        made = PatchCritic(channels, dims=dims, features=features, halvings=2)
        if min(space) < made.least:
            raise InputError(f"Images of {tuple(space)} pixels are too small to be judged: give {made.least} or more.")
        initialise(made, rng)
        return made

    network = UNet((channels, channels), dims=dims, features=features, depth=depth, blur_pool=False, top_skip=True)
    model = Transport(Enhancer(Residual(initialise(network, rng))), operator or LearnedBlur(width, dims))
    objective = OptimalTransport(
        critic() if adversarial else None,
        critic() if blind else None,
        DIVERGENCES[divergence],
        adversarial=adversarial,
        penalty=penalty,
    )
    betas = (0.5, 0.99)
    optimisers = {"model": Adam(rate=rate, betas=betas), "critic": Adam(rate=0.4 * rate, betas=betas)}
    return Generative(model=model, objective=objective, optimisers=optimisers)
