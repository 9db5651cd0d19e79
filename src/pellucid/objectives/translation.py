"""Optimal transport between two kinds of images, both ways by networks, with what keeps content in its place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.data.source import Step
from pellucid.objectives.divergences import Divergence
from pellucid.objectives.transport import OptimalTransport
from pellucid.restorers.transport import Transport


@dataclass(frozen=True)
class Salient:
    """T(x) = σ(± s (x − α)): near one where an image has content, near zero in its background.

    Parameters
    ----------
    threshold
        α, in the units of the images; of several channels the mean is compared with it.
    bright
        Whether content is brighter than the background.
    sharpness
        s; the paper's 100 is for images from -1 to 1.
    """

    threshold: float
    bright: bool
    sharpness: float = 100.0

    def __call__(self, x: Tensor) -> Tensor:
        """Return T, (batch, 1, *space)."""
        side = 1 if self.bright else -1
        return torch.sigmoid(side * self.sharpness * (x.mean(1, keepdim=True) - self.threshold))


class Translation(OptimalTransport):
    r"""Optimal transport by two networks, which may have to leave content where it is.

    .. math:: L = L_{transport} + \iota \|y - F y\|_1 + \rho_0 e^{-t / \tau} \,
        (\|T_y(y) - T_x(G y)\|_1 + \|T_x(x) - T_y(F x)\|_1)

    A map that swaps content and background, beside one that swaps them back, has no cycle error and may please both
    critics. The last term tells it; it is strong at first, while the maps choose, and fades.

    Parameters
    ----------
    images, recordings, divergence
        As in `OptimalTransport`.
    salient
        T_x of images and T_y of recordings, or None for no such constraint (plain cycleGAN).
    constraint, fading
        ρ_0, and τ as a part of the budget.
    weights
        Those of `OptimalTransport`; `identity` is ι, and holds for both maps.

    References
    ----------
    Li et al., "Unsupervised content-preserving transformation for optical microscopy", Light: Science & Applications
    10, 2021.
    """

    def __init__(
        self,
        images: nn.Module,
        recordings: nn.Module,
        divergence: Divergence,
        salient: tuple[Salient, Salient] | None = None,
        *,
        constraint: float = 50.0,
        fading: float = 0.2,
        **weights: Any,
    ) -> None:
        super().__init__(images, recordings, divergence, **weights)
        self.salient, self.constraint, self.fading = salient, constraint, fading

    def constraints(
        self, model: Transport, given: tuple[Tensor, Tensor], made: tuple[Tensor, Tensor], step: Step
    ) -> dict[str, Tensor]:
        """Return what F changes of recordings, and how much content the maps move."""
        (x, y), (restored, recorded) = given, made
        terms = {"identity_back": self.identity * (y - model.way(y)).abs().mean()} if self.identity else {}
        if self.salient is not None:
            image, recording = self.salient
            moved = (recording(y) - image(restored)).abs().mean() + (image(x) - recording(recorded)).abs().mean()
            terms["saliency"] = self.constraint * math.exp(-step.progress / self.fading) * moved
        return terms
