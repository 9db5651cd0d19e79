"""Rules of inference: how a model that was trained in one way is asked for an image."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.data.splits import Grid, mask_of
from pellucid.errors import InputError
from pellucid.restorers.base import Restorer


class SplitAverage(Restorer):
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

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the image, (batch, channel, *space)."""
        return self.explain(given, rng)[:, 0]

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

    def spread(self, given: Measurement) -> Tensor | None:
        """Return the standard deviation that the model predicts, if it does."""
        moments = self.explain(given)
        return moments[:, 1].sqrt() if moments.shape[1] == 2 else None


class PosteriorMean(Restorer):
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

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the posterior mean."""
        return self.explain(given, rng)[:, 0]

    def explain(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return posterior mean and variance, (batch, 2, channel, *space)."""
        if given.noise is None:
            raise InputError(
                "The posterior of a seen pixel needs the noise model; none came with the measurement."
            )
        mean, variance = self.model.explain(given, rng).unbind(1)
        noise = given.noise.variance(mean)
        total = noise + variance
        return torch.stack([(noise * mean + variance * given.y) / total, noise * variance / total], 1)

    def spread(self, given: Measurement) -> Tensor:
        """Return the posterior standard deviation."""
        return self.explain(given)[:, 1].sqrt()


class Flips(Restorer):
    """The mean of a model's answers over the mirror images and quarter turns of its input.

    Parameters
    ----------
    model
        Any restorer of local operators.
    turns
        Whether quarter turns in the plane are used beside the mirrors.
    """

    def __init__(self, model: Restorer, turns: bool = True) -> None:
        super().__init__()
        self.model, self.turns = model, turns

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the image, (batch, channel, *space)."""
        return self.explain(given, rng)[:, 0]

    def explain(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the mean of the moments, (batch, moments, channel, *space)."""
        views = [
            _view(mirror, turn)
            for turn in range(2 if self.turns else 1)
            for mirror in ((), (-1,), (-2,), (-1, -2))
        ]
        total = torch.zeros(())
        for there, back in views:
            total = total.to(given.y) + back(self.model.explain(given.with_y(there(given.y)), rng))
        return total / len(views)


def _view(
    mirror: tuple[int, ...], turn: int
) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """Return a symmetry of the plane and its inverse: mirrors, then an exchange of rows and columns."""

    def there(x: Tensor) -> Tensor:
        x = x.flip(mirror)
        return x.transpose(-1, -2) if turn else x

    def back(x: Tensor) -> Tensor:
        x = x.transpose(-1, -2) if turn else x
        return x.flip(mirror)

    return there, back
