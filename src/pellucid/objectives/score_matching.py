"""The score of noisy data, learned from noisy data alone."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid._math.ranks import shared_mean
from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.objectives.base import Objective
from pellucid.restorers.tweedie import Tweedie, variance_around


class ScoreMatching(Objective[Tweedie]):
    """L = E |σ_a R(y + σ_a u) + u|², u standard normal: as σ_a tends to 0, R tends to the score ∇ log p(y) (AR-DAE).

    At one σ_a the minimiser is the score of p smoothed by a Gaussian of width σ_a. The width falls with the progress of
    the fit, as a straight line. Where the noise level is not known, it is that of the least total variation: the term

        TV(y + t s² R(y))

    moves the level t alone.

    Parameters
    ----------
    first, last
        σ_a at the beginning and at the end, in standard deviations of the noise.

    Notes
    -----
    Each u is used with both signs. The mean is that of the paper, but the term 2 σ_a u · R(y), in whose variance the
    score is lost where σ_a is small, cancels. The paper looks for the level on a grid, after the fit.

    References
    ----------
    Lim, Courville, Pal, Huang, "AR-DAE: towards unbiased neural entropy gradient estimation", ICML 2020.
    Kim, Ye, "Noise2Score: Tweedie's approach to self-supervised image denoising without clean images", NeurIPS 2021.
    """

    def __init__(self, first: float = 0.5, last: float = 0.25) -> None:
        super().__init__()
        self.first, self.last = first, last

    def terms(self, model: Tweedie, batch: Measurement, step: Step) -> dict[str, Tensor]:
        """Return the mean over the entries that have weight and, for a model that is blind, the total variation."""
        part = self.first + (self.last - self.first) * step.progress
        variance = variance_around(batch)
        width = part * variance.sqrt()
        u = torch.randn(batch.y.shape, generator=step.rng, dtype=batch.y.dtype, device=batch.y.device)
        loss, terms = torch.zeros_like(u), {}
        for sign in (1, -1):
            noisier = batch.with_y(batch.y + sign * width * u)
            with torch.autocast(batch.y.device.type, enabled=False):  # what cancels must not be rounded
                score = model.score(noisier, step.rng)
            loss = loss + (width * score + sign * u).square() / 2
        if model.blind:
            terms["variation"] = variation(noisier.y + (model.level + part**2) * variance * score.detach())
        weight = torch.ones_like(loss) if batch.weight is None else batch.weight.expand_as(loss).to(loss)
        return terms | {"score": shared_mean((loss * weight).sum(), weight.sum())}


def variation(image: Tensor) -> Tensor:
    """Return the mean absolute difference of neighbours, summed over the spatial axes of (batch, channel, *space)."""
    return torch.stack([image.diff(dim=axis).abs().mean() for axis in range(2, image.ndim)]).sum()
