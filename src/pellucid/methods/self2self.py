"""Self2Self."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from pellucid.data.fill import Fill, Zero
from pellucid.data.measurement import Measurement
from pellucid.data.splits import Hiding
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method, Stage
from pellucid.methods.recipe import patch_size, pooling
from pellucid.networks import PartialUNet, initialise
from pellucid.objectives import HeldOut
from pellucid.restorers import Ensemble
from pellucid.restorers.base import Moments
from pellucid.training import Adam

CARD = Card(
    title="Self2Self with dropout",
    needs="image",
    assumes="noise that is independent from pixel to pixel, with zero mean",
    independent=True,
    stabilise=True,
    gives="image, and the disagreement of its dropout ensemble",
    equation="min_θ E_b ‖(1 − b) ⊙ (F_θ(b ⊙ y) − y)‖², b_i ~ Bernoulli(keep); x̂ = mean of F_θ(b ⊙ y)",
    paper="Quan, Chen, Pang, Ji, CVPR 2020",
)


@dataclass(frozen=True)
class Bernoulli(Hiding):
    """Every pixel is hidden with the same chance, whatever becomes of the others.

    Parameters
    ----------
    keep
        Chance of a pixel to be seen. What is seen is not divided by it: the network is told which pixels are missing.
    fill
        What stands in for a hidden pixel.
    """

    keep: float
    fill: Fill = field(default_factory=Zero)

    def __post_init__(self) -> None:
        """Check that some pixels are seen and some are not."""
        if not 0 < self.keep < 1:
            raise InputError(f"A pixel is kept with a chance between 0 and 1; {self.keep} is not between them.")

    def choose(self, y: Tensor, rng: torch.Generator) -> Tensor:
        """Hide a random number of pixels; the list is filled up by naming the first of them again."""
        hidden = torch.rand(y.flatten(2).shape, generator=rng, device=y.device) >= self.keep
        places = torch.arange(hidden.shape[-1], device=y.device)
        return torch.where(hidden, places, hidden.to(torch.uint8).argmax(-1, keepdim=True))


class _Visible(Moments):
    """F(y, b): a network that is told which pixels are measured, and drops out wherever there is a generator."""

    def __init__(self, network: PartialUNet) -> None:
        super().__init__()
        self.network = network

    def explain(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the mean as the only moment, (batch, 1, channel, *space)."""
        visible = given.operator(torch.ones_like(given.y))
        image: Tensor = self.network(given.y, visible, rng)
        return image.unsqueeze(1)

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the stride of the network."""
        return self.network.stride


def self2self(
    example: Measurement,
    *,
    rng: torch.Generator,
    keep: float = 0.7,
    dropout: float = 0.1,
    draws: int = 32,
    features: int = 24,
    depth: int = 2,
    patch: int = 64,
    batch: int = 2,
    rate: float = 4e-3,
) -> Method:
    """Learn to predict dropped pixels from those that are kept, and average over what is dropped.

    min_θ E_b ‖(1 − b) ⊙ (F_θ(b ⊙ y, b) − y)‖² / E‖1 − b‖² with b_i ~ Bernoulli(keep) for each pixel by itself. What is
    dropped never reaches the network, so that for noise that is independent from pixel to pixel this is the supervised
    risk on the dropped pixels plus the noise variance (survey eq. 14). The image is the mean of F_θ(b ⊙ y, b) over
    `draws` fresh b, with dropout in the decoder as in training.

    Parameters
    ----------
    example
        Data of shape (batch, channel, *space), standardised.
    rng
        Draws the first weights; on the CPU.
    keep
        Chance of a pixel to be seen.
    dropout
        Chance of a feature of the decoder to be dropped.
    draws
        Answers that are averaged.
    features, depth
        Of the encoder at every level, and levels of the U-Net; the decoder has twice as many features.
    patch, batch, rate
        Patch size, patches a step, learning rate.

    Returns
    -------
    Method
        Its spread is the standard deviation of the draws: the disagreement of a dropout ensemble, not a posterior.

    Raises
    ------
    InputError
        Where the image is smaller than the network's need, or a chance is not below one, or there is one draw only.

    Notes
    -----
    Made for minutes on a CPU: the paper trains 48 features and 5 levels with a dropout of 0.3 on the whole image, for
    150 000 steps at a rate of 1e-4, and averages 100 draws. With few features that much dropout costs more than it
    regularises. The output is not squeezed by a sigmoid, since the data are standardised, not in [0, 1]. Kept pixels
    are not divided by `keep`, as a framework's dropout would do: the partial convolutions know how many there are.

    The risk is that of the ensemble, with pixels hidden in all draws; in the image, a pixel is seen in `keep` of them.

    References
    ----------
    Quan, Chen, Pang, Ji, "Self2Self with dropout: learning self-supervised denoising from single image", CVPR 2020.
    """
    if dropout >= 1 or draws < 2:
        raise InputError(
            f"Self2Self drops a share below 1 and averages 2 draws or more, not dropout={dropout} and draws={draws}."
        )
    _, channels, *space = example.y.shape
    network = PartialUNet(
        channels,
        dims=len(space),
        features=features,
        depth=depth,
        dropout=dropout,
        pool=pooling(space),
    )
    initialise(network, rng)
    model, split = _Visible(network.to(example.y.device)), Bernoulli(keep)
    ensemble = Ensemble(model, split, draws)
    stage = Stage(
        model=model,
        objective=HeldOut(split),
        patch=patch_size(example, patch, depth),
        batch=batch,
        adam=Adam(rate=rate),
    )
    return Method(model=model, prior=ensemble, restorer=ensemble, split=split, stages=(stage,), card=CARD)
