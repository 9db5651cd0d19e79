"""One scale for a whole input: recorded units to the units of a network, and back."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid.noise import Gaussian, NoiseModel, PoissonGaussian, Stabilised, Stabiliser


class Standardisation(nn.Module):
    """t = (f(y) - offset) / scale, with f the variance stabiliser or the identity.

    It is made once, from a sample of the whole input, and stored with the model; nothing is rescaled for a
    frame, a tile or a batch.

    Parameters
    ----------
    noise
        The noise of y in recorded units, or None where it is not known.
    offset, scale
        Mean and standard deviation of f(y); the scale is positive.
    stabilise
        Whether f is the generalised Anscombe transform of `noise`; otherwise f(y) = y.
    """

    def __init__(
        self, noise: Gaussian | PoissonGaussian | None, offset: float, scale: float, *, stabilise: bool
    ) -> None:
        super().__init__()
        self.recorded, self.offset, self.scale = noise, offset, scale
        self.stabiliser = Stabiliser(noise) if stabilise and noise is not None else None

    @classmethod
    def of(cls, y: Tensor, noise: Gaussian | PoissonGaussian | None, *, stabilise: bool) -> Standardisation:
        """Return the standardisation that gives the sample y zero mean and unit variance."""
        plain = cls(noise, 0.0, 1.0, stabilise=stabilise)
        t = plain(y)
        return cls(noise, float(t.mean()), max(float(t.std()), 1e-12), stabilise=stabilise)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.buffers()).device

    @property
    def noise(self) -> NoiseModel | None:
        """The noise of t, or None where it is not known."""
        if self.recorded is None or self.stabiliser is None:
            return self.recorded and self.recorded.rescale(self.offset, self.scale)
        return Stabilised(self.stabiliser, self.offset, self.scale)

    def forward(self, y: Tensor) -> Tensor:
        """Map recorded values to the units of the network."""
        return ((y if self.stabiliser is None else self.stabiliser(y)) - self.offset) / self.scale

    def inverse(self, t: Tensor) -> Tensor:
        """Map an estimate of the mean of t to recorded units, without bias."""
        f = t * self.scale + self.offset
        return f if self.stabiliser is None else self.stabiliser.inverse(f)

    def inverse_spread(self, t: Tensor, spread: Tensor) -> Tensor:
        """Map a standard deviation around t to recorded units."""
        return (self.inverse(t + spread) - self.inverse(t - spread)) / 2
