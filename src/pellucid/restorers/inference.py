"""Rules of inference: how a model that was trained in one way is asked for an image."""

from __future__ import annotations

import math
from itertools import product

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.data.splits import Grid, mask_of
from pellucid.errors import InputError
from pellucid.restorers.base import Moments, Restorer


class SplitAverage(Moments):
    """Every pixel from the pass in which it was hidden: J-invariant for any model (Noise2Self, survey III-B).

    Parameters
    ----------
    model
        The restorer that is asked once for each class of the partition.
    split
        The partition.
    """

    def __init__(self, model: Restorer, split: Grid) -> None:
        super().__init__()
        self.model, self.split = model, split

    def explain(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the moments that the model predicts, (batch, moments, channel, *space)."""
        rng = torch.Generator(given.y.device).manual_seed(0) if rng is None else rng
        moments: Tensor | None = None
        for places in self.split.classes(given.y):
            seen, _ = self.split.hide(given, places, rng)
            here = self.model.explain(seen, rng)
            hidden = mask_of(places, given.y).unsqueeze(1)
            moments = here if moments is None else torch.where(hidden, here, moments)
        assert moments is not None
        return moments

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the common period of the model and the grid."""
        return tuple(map(math.lcm, self.model.stride(dims), self.split.widths(dims)))


def posterior(prior: Tensor, y: Tensor, noise: Tensor) -> Tensor:
    """Return mean and variance of x given y = x + n, stacked like those of the prior, (batch, 2, ...)."""
    mean, variance = prior.unbind(1)
    total = noise + variance
    return torch.stack([(noise * mean + variance * y) / total, noise * variance / total], 1)


class PosteriorMean(Moments):
    """The seen pixel, used: the mean of a Gaussian posterior.

    A blind-spot model gives the prior N(mu, v) of the noiseless value without looking at its pixel; the pixel
    adds the likelihood N(y; x, s²). Then

        x_hat = (s² mu + v y) / (s² + v),      spread² = s² v / (s² + v).

    Parameters
    ----------
    model
        Explains (mu, v): a J-invariant restorer with two moments.

    Raises
    ------
    InputError
        Where the noise of the measurement is not known.

    References
    ----------
    Laine, Karras, Lehtinen, Aila, "High-quality self-supervised deep image denoising", NeurIPS 2019,
    equation 4. With one v for all pixels this is the optimal mixture of Batson and Royer 2019.
    """

    def __init__(self, model: Restorer) -> None:
        super().__init__()
        self.model = model

    def explain(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return posterior mean and variance, (batch, 2, channel, *space)."""
        if given.noise is None:
            raise InputError("The posterior of a seen pixel needs the noise model; none came with the measurement.")
        moments = self.model.explain(given, rng)
        return posterior(moments, given.y, given.noise.variance(moments[:, 0]))

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the period of the model."""
        return self.model.stride(dims)


class Flips(Moments):
    """The mean of a model's answers over the mirror images and quarter turns of its input.

    Parameters
    ----------
    model
        Any restorer of local operators.
    turns
        False leaves the quarter turns out, for noise that differs between rows and columns.
    """

    def __init__(self, model: Restorer, *, turns: bool = True) -> None:
        super().__init__()
        self.model, self.turns = model, turns

    def explain(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the mean of the moments, (batch, moments, channel, *space)."""
        answers = []
        for mirror, turned in product(((), (-1,), (-2,), (-1, -2)), (False, True)[: 1 + self.turns]):
            view = given.y.flip(mirror)
            moments = self.model.explain(given.with_y(view.mT if turned else view), rng)
            answers.append((moments.mT if turned else moments).flip(mirror))
        return torch.stack(answers).mean(0)

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the period of the model, the same for rows and columns since these are exchanged."""
        *planes, rows, columns = self.model.stride(dims)
        return (*planes, *[math.lcm(rows, columns)] * 2) if self.turns else (*planes, rows, columns)
