"""A network that answers with many hypotheses, and what the seen pixel makes of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid.data.measurement import Measurement
from pellucid.noise.base import NoiseModel
from pellucid.restorers.base import Restorer


class Hypotheses(Restorer):
    """K equally likely hypotheses s^k of a pixel, weighed by what was recorded there (MMSE).

    x_hat_i = Σ_k w_k s_i^k,  w_k = p(y_i | s_i^k) / Σ_j p(y_i | s_i^j);  spread_i² = Σ_k w_k (s_i^k - x_hat_i)².

    Parameters
    ----------
    network
        Maps (batch, channel, *space) to (batch, count * channel, *space).
    count
        K.
    noise
        p(y | s), in the units of the network.
    weighed
        Otherwise all weights are 1 / K: mean and deviation of the prior, which does not know the recorded value.

    References
    ----------
    Krull, Vičar, Prakash, Lalit, Jug, "Probabilistic Noise2Void: unsupervised content-aware denoising", Frontiers in
    Computer Science 2, 2020.
    """

    def __init__(self, network: nn.Module, count: int, noise: NoiseModel, *, weighed: bool = True) -> None:
        super().__init__()
        self.network, self.count, self.noise, self.weighed = network, count, noise, weighed

    def explain(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the hypotheses, (batch, K, channel, *space)."""
        hypotheses: Tensor = self.network(given.y).unflatten(1, (self.count, -1))
        return hypotheses

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the mean, (batch, channel, *space)."""
        return self.estimate(given, rng)[0]

    def estimate(self, given: Measurement, rng: torch.Generator | None = None) -> tuple[Tensor, Tensor | None]:
        """Return mean and standard deviation, of the posterior or of the prior."""
        hypotheses = self.explain(given, rng).float()
        if self.weighed:
            one_by_one = [self.noise.log_prob(given.y, s) for s in hypotheses.unbind(1)]  # spares memory
            weight = torch.stack(one_by_one, 1).softmax(1)
        else:
            weight = torch.full_like(hypotheses, 1 / self.count)
        mean = (weight * hypotheses).sum(1)
        return mean, (weight * (hypotheses - mean.unsqueeze(1)).square()).sum(1).sqrt()

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the stride of the network; one where it has none."""
        return tuple(getattr(self.network, "stride", None) or super().stride(dims))
