"""A generative model of images with a Gaussian code, and draws of what may have been measured."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid.data.measurement import Measurement
from pellucid.restorers.base import PosteriorSampler


class Variational(PosteriorSampler):
    """x = g(z), z ~ N(0, 1), with q(z | y) = N(μ(y), σ²(y)) for what was measured (survey eq. 19-23).

    A draw is x = g(μ + σ ⊙ u), u ~ N(0, 1); the image is the mean of many draws, their deviation its spread.

    Parameters
    ----------
    encoder
        Maps the data, (batch, channel, *space), to μ and log σ, stacked along the channels.
    decoder
        g: maps a code to the image.
    draws
        How many make the image.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, draws: int) -> None:
        super().__init__(draws)
        self.encoder, self.decoder = encoder, decoder

    def code(self, given: Measurement) -> tuple[Tensor, Tensor]:
        """Return μ and log σ of q(z | y)."""
        mean, log_sigma = self.encoder(given.y).float().chunk(2, 1)
        return mean, log_sigma.clamp(-10, 5)

    def draw(self, given: Measurement, rng: torch.Generator) -> Tensor:
        """Return a draw of the image, (batch, channel, *space)."""
        mean, log_sigma = self.code(given)
        return self.decoded(mean, log_sigma, rng)

    def decoded(self, mean: Tensor, log_sigma: Tensor, rng: torch.Generator) -> Tensor:
        """Return g(μ + σ ⊙ u)."""
        u = torch.randn(mean.shape, generator=rng, device=mean.device, dtype=mean.dtype)
        image: Tensor = self.decoder(mean + log_sigma.exp() * u)
        return image

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the stride of the encoder."""
        return tuple(getattr(self.encoder, "stride", None) or super().stride(dims))
