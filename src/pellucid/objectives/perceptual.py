"""A distance between images as a given network sees them."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from pellucid._math.ranks import shared_mean
from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.data.splits import Split
from pellucid.objectives.base import Objective
from pellucid.restorers.base import Restorer


class Perceptual(Objective[Restorer]):
    """L = mean of (φ(F(given)) − φ(held))², φ the features that a trained network finds (survey eq. 6).

    Parameters
    ----------
    split
        Divides a batch into what is given and the clean image, which is held.
    features
        φ: maps images, (batch, channel, *space), to any tensor. Its copy here stays as it is: it is not trained, and is
        in its mode of evaluation.

    Notes
    -----
    Where what is held has no weight, it stands in for the answer: nothing is learned there. Held images are clean; of
    noisy ones φ, which is not linear, has another mean than of clean ones.

    References
    ----------
    Johnson, Alahi, Fei-Fei, "Perceptual losses for real-time style transfer and super-resolution", ECCV 2016.

    Examples
    --------
    >>> from pellucid.data.splits import Repeats
    >>> objective = Perceptual(Repeats(), nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU()))
    >>> [p.requires_grad for p in objective.parameters()]
    [False, False]
    """

    def __init__(self, split: Split, features: nn.Module) -> None:
        super().__init__()
        self.split, self.features = split, copy.deepcopy(features).requires_grad_(False).eval()

    def terms(self, model: Restorer, batch: Measurement, step: Step) -> dict[str, Tensor]:
        """Return the mean squared distance of the features."""
        given, held = self.split(batch, step.rng)
        image = model(given, step.rng).float()
        if held.weight is not None:
            image = torch.where(held.weight > 0, image, held.y)
        far = (self.features(image) - self.features(held.y)).square()
        return {"perceptual": shared_mean(far.sum(), far.new_tensor(far.numel()))}

    def train(self, mode: bool = True) -> Perceptual:
        """Leave the features in their mode of evaluation."""
        super().train(mode)
        self.features.eval()
        return self
