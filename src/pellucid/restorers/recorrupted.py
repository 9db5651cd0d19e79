"""Both parts of a re-corrupted image, used: many draws."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.data.recorruption import Recorruption
from pellucid.restorers.base import Moments, Restorer
from pellucid.restorers.inference import posterior


class Recorrupted(Moments):
    """The mean over re-corruption draws of the Gaussian posterior given both parts.

    From y₁ a model predicts N(mu, v), and y₂, whose noise is independent of it, adds the likelihood N(y₂; x, s² / α).
    Together y₁ and y₂ hold all that y does; so every draw estimates the same posterior, and their mean is less random.

    Parameters
    ----------
    model
        Explains mean and variance, from y₁.
    split
        How the data are re-corrupted.
    draws
        How many answers are averaged.

    Notes
    -----
    Images of a batch are restored one by one, each from the state of `rng`, so that none depends on its neighbours.
    Without `rng` a fixed seed is taken.

    References
    ----------
    Laine, Karras, Lehtinen, Aila, "High-quality self-supervised deep image denoising", NeurIPS 2019, equation 4, for
    the posterior of a hidden pixel.
    """

    def __init__(self, model: Restorer, split: Recorruption, draws: int) -> None:
        super().__init__()
        self.model, self.split, self.draws = model, split, draws

    def explain(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return posterior mean and variance, (batch, 2, channel, *space)."""
        rng = torch.Generator(given.y.device).manual_seed(0) if rng is None else rng
        start, images = rng.get_state(), []
        for i in range(len(given.y)):
            rng.set_state(start)
            one = given.with_y(given.y[i : i + 1])
            images.append(torch.stack([self._draw(one, rng) for _ in range(self.draws)]).mean(0))
        return torch.cat(images)

    def _draw(self, given: Measurement, rng: torch.Generator) -> Tensor:
        """Return the posterior of one draw."""
        seen, held = self.split(given, rng)
        assert held.noise is not None
        moments = self.model.explain(seen, rng)
        return posterior(moments, held.y, held.noise.variance(moments[:, 0]))

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the period of the model."""
        return self.model.stride(dims)
