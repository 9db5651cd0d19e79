"""Samples that a model made before: a critic that still meets them does not run in circles with the model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Pool(nn.Module):
    """Keeps samples, and hands out one of those for half of what comes in (Shrivastava et al., section 2.3).

    Until it is full it keeps each sample and returns it. Then each sample returns with probability one half; else one
    that was kept, drawn uniformly, returns in its place and is replaced by it. The pool is state: it is a buffer of the
    objective that owns it, so that a checkpoint has it.

    Parameters
    ----------
    shape
        Of a sample, (channel, *space).
    size
        How many are kept; none at 0, which returns what comes in.

    Notes
    -----
    The papers' authors use 50. On several ranks a checkpoint has the pool of rank 0.

    References
    ----------
    Shrivastava et al., "Learning from simulated and unsupervised images through adversarial training", CVPR 2017.
    Zhu, Park, Isola, Efros, "Unpaired image-to-image translation", ICCV 2017, section 4.
    """

    kept: Tensor
    count: Tensor

    def __init__(self, shape: Sequence[int], size: int = 50) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("kept", torch.zeros(size, *shape))
        self.register_buffer("count", torch.zeros(1, dtype=torch.long))

    @torch.no_grad()
    def forward(self, samples: Tensor, rng: torch.Generator) -> Tensor:
        """Return as many samples, (batch, channel, *space); one at a time decides, and nothing goes to the host."""
        if not self.size:
            return samples
        stay, place = torch.rand(2, len(samples), 1, generator=rng, device=samples.device)
        given = []
        for sample, exchange, at in zip(samples.unsqueeze(1), stay < 0.5, (place * self.size).long(), strict=True):
            full = self.count == self.size
            at = torch.where(full, at, self.count.clamp(max=self.size - 1))
            old, takes = self.kept[at], exchange | ~full
            given.append(torch.where(full & exchange, old, sample))
            self.kept[at] = torch.where(takes, sample, old).to(self.kept.dtype)
            self.count += ~full
        return torch.cat(given)


class Remembering(nn.Module):
    """A critic that is taught by samples from a pool.

    Parameters
    ----------
    critic
        V.
    pool
        Of what the model made.
    """

    def __init__(self, critic: nn.Module, pool: Pool) -> None:
        super().__init__()
        self.critic, self.pool = critic, pool

    def forward(self, x: Tensor) -> Tensor:
        """Return V(x)."""
        value: Tensor = self.critic(x)
        return value
