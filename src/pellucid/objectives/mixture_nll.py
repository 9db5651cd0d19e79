"""The distance of Probabilistic Noise2Void: how likely a recording is under many hypotheses."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.noise.base import NoiseModel


class MixtureNLL:
    """-log (1/K) Σ_k p(y_i | s_i^k): the K hypotheses s of a pixel are draws of what it may be without its noise.

    If they were drawn from p(s_i | the other pixels), their mean likelihood would be p(y_i | the other pixels); its
    logarithm is largest, on average, for the true distribution of s.

    Parameters
    ----------
    noise
        p(y | s), in the units of the data.
    share
        At most this part of the entries is compared, those of largest weight: the rest is not computed.

    References
    ----------
    Krull, Vičar, Prakash, Lalit, Jug, "Probabilistic Noise2Void: unsupervised content-aware denoising", Frontiers in
    Computer Science 2, 2020.
    """

    def __init__(self, noise: NoiseModel, share: float = 1.0) -> None:
        self.noise, self.share = noise, share

    def __call__(self, hypotheses: Tensor, held: Measurement) -> Tensor:
        """Compare hypotheses, (batch, K, channel, *space), entry by entry; zero where nothing was compared."""
        y, s = held.y.flatten(2), hypotheses.flatten(3)
        weight = torch.ones_like(y) if held.weight is None else held.weight.expand_as(held.y).flatten(2).to(y.dtype)
        places = weight.topk(math.ceil(self.share * y.shape[-1])).indices
        s = s.gather(3, places.unsqueeze(1).expand(-1, s.shape[1], -1, -1))
        log_likelihood = self.noise.log_prob(y.gather(2, places).unsqueeze(1), s)
        loss = math.log(s.shape[1]) - torch.logsumexp(log_likelihood, 1)
        return loss.new_zeros(y.shape).scatter(2, places, loss).view(held.y.shape)
