"""Neighbor2Neighbor."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid._math.ranks import shared_mean
from pellucid.data.cells import neighbours, pick
from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.methods.method import Card, Method, Stage
from pellucid.methods.recipe import enhancer, patch_size
from pellucid.objectives import Objective
from pellucid.restorers import Flips, Restorer
from pellucid.training import Adam

CARD = Card(
    title="Neighbor2Neighbor",
    needs="image",
    assumes="noise that is independent from pixel to pixel, with zero mean; an object that is smooth between pixels",
    independent=True,
    stabilise=True,
    gives="image",
    equation="min_θ ‖F_θ(g₁y) − g₂y‖² + γ ‖F_θ(g₁y) − g₂y − (g₁F_θ(y) − g₂F_θ(y))‖², g₁ and g₂ draw neighbours",
    paper="Huang, Li, Jia, Lu, Liu, CVPR 2021",
)


class Neighbours(Objective[Restorer]):
    """L = E‖F(g₁y) − g₂y‖² + γ E‖F(g₁y) − g₂y − (g₁F(y) − g₂F(y))‖², mean over cells of 2 x 2 pixels.

    g₁ and g₂ take two adjacent pixels of each cell, drawn anew at every step. Where neighbours differ by ε = g₂x − g₁x
    besides their noise, of variance s², and F(g₁y) is an image of g₁x,

        E‖F(g₁y) − g₂y‖² = E‖F(g₁y) − g₁x‖² + E‖ε‖² − 2 E⟨F(g₁y) − g₁x, ε⟩ + s²,

    which is Noise2Noise for ε = 0 (theorem 1 of the paper). The second term makes up for ε by the difference of the
    neighbours in the restored image.

    Parameters
    ----------
    strength
        γ at the end of the budget; it grows from zero in proportion to what is spent.

    Notes
    -----
    Nothing is learned through F(y) of the second term, which has the same g₁ and g₂. A pair counts where both of its
    pixels have weight.
    """

    def __init__(self, strength: float) -> None:
        super().__init__()
        self.strength = strength

    def terms(self, model: Restorer, batch: Measurement, step: Step) -> dict[str, Tensor]:
        """Return the distance of neighbours, and that from the difference of restored neighbours."""
        first, second = neighbours(batch.y, step.rng)
        with torch.no_grad():
            whole = model(batch, step.rng).float()
        error = model(batch.with_y(pick(batch.y, first)), step.rng).float() - pick(batch.y, second)
        rest = error - (pick(whole, first) - pick(whole, second))
        weight = torch.ones_like(batch.y) if batch.weight is None else batch.weight.expand_as(batch.y).to(batch.y)
        counts = pick(weight, first) * pick(weight, second)
        near, same = (shared_mean((counts * e.square()).sum(), counts.sum()) for e in (error, rest))
        return {"neighbours": near, "consistency": self.strength * step.progress * same}


def neighbor2neighbor(
    example: Measurement,
    *,
    rng: torch.Generator,
    strength: float = 2.0,
    features: int = 16,
    depth: int = 2,
    patch: int = 128,
    batch: int = 6,
    rate: float = 1e-3,
    flips: bool = False,
) -> Method:
    """Learn to predict a pixel's neighbour from an image of half the size.

    min_θ E‖F_θ(g₁y) − g₂y‖² + γ E‖F_θ(g₁y) − g₂y − (g₁F_θ(y) − g₂F_θ(y))‖²: two images made of adjacent pixels are a
    pair of noisy recordings for Noise2Noise (survey eq. 8), up to the difference of the object between neighbours.

    Parameters
    ----------
    example
        Data of shape (batch, channel, *space), standardised; the cells of a stack lie in its planes.
    rng
        Draws the first weights; on the CPU.
    strength
        γ at the end of the training. The paper has 2 for synthetic and 16 for camera noise.
    features, depth
        Of the U-Net.
    patch, batch, rate
        Patch size, patches a step, learning rate. The network is trained on half the patch size.
    flips
        Average the answers over the eight symmetries of the plane.

    Returns
    -------
    Method
        Its restorer is one pass over the data as they are.

    Raises
    ------
    InputError
        Where the image is smaller than the network's need.

    Notes
    -----
    γ grows with the part of the budget that is spent, where the paper's grows by epochs. An image has the noise it has:
    nothing draws it anew.

    References
    ----------
    Huang, Li, Jia, Lu, Liu, "Neighbor2Neighbor: self-supervised denoising from single noisy images", CVPR 2021.
    """
    model = enhancer(example, rng, features=features, depth=depth, variance=False)
    *planes, rows, columns = patch_size(example, patch, depth)
    unit = 2 ** (depth + 1)
    stage = Stage(
        model=model,
        objective=Neighbours(strength),
        patch=[*planes, rows // unit * unit, columns // unit * unit],
        batch=batch,
        adam=Adam(rate=rate),
    )
    return Method(model=model, restorer=Flips(model) if flips else model, stages=(stage,), card=CARD)
