"""A network that enhances a first image, which the instrument is used for once."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.data.measurement import Measurement
from pellucid.data.views import Interleaved
from pellucid.restorers.base import Restorer


class Backprojected(Restorer):
    """x̂ = u f(R(y) / u): a network f applied to an image that was reconstructed without learning (survey, section II).

    Parameters
    ----------
    network
        f, on real channels: (Re, Im) of a complex image, or the one of a real image. The channels of an image are its
        batch. It may have a `stride`: images are continued by their border to multiples of it.
    first
        R; `backproject` of the operator unless given.

    Notes
    -----
    The unit u is the root mean square of R(y), entry by entry of the batch: nothing that is held out tells of it.
    """

    whole = True

    def __init__(self, network: nn.Module, first: Restorer | None = None) -> None:
        super().__init__()
        self.network, self.first = network, first

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the enhanced image, (batch, channel, *space)."""
        return self.enhance(self.start(given))

    def start(self, given: Measurement) -> Tensor:
        """Return R(y)."""
        x: Tensor = given.operator.backproject(given.y) if self.first is None else self.first(given)
        return x

    def enhance(self, image: Tensor) -> Tensor:
        """Return u f(x / u), one entry of the batch after the other."""
        return torch.cat([self._enhanced(entry) for entry in torch.split(image, 1)])

    def _enhanced(self, image: Tensor) -> Tensor:
        u = unit(image)
        channels, space = as_channels(image / u), image.shape[2:]
        stride = getattr(self.network, "stride", None) or [1] * len(space)
        beyond = [n for size, step in zip(reversed(space), reversed(stride), strict=True) for n in (0, -size % step)]
        out: Tensor = self.network(F.pad(channels, beyond, mode="replicate"))
        for axis, size in enumerate(space, start=2):
            out = out.narrow(axis, 0, size)
        out = out.to(image.real.dtype).reshape(*image.shape[:2], *out.shape[1:])
        return u * (torch.view_as_complex(out.movedim(2, -1).contiguous()) if image.is_complex() else out.squeeze(2))


class PartsAverage(Restorer):
    """The mean of the answers to each part of the views, or to the mean of all others: as the model was trained.

    Parameters
    ----------
    model
        Enhances one image.
    split
        The parts.

    References
    ----------
    Hendriksen, Pelt, Batenburg, "Noise2Inverse", IEEE Transactions on Computational Imaging 6, 2020.
    """

    whole = True

    def __init__(self, model: Backprojected, split: Interleaved) -> None:
        super().__init__()
        self.model, self.split = model, split

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the image, (batch, channel, *space)."""
        images = [self.model.start(part) for part in self.split.divide(given)]
        return torch.stack([self.model.enhance(image) for image, _ in self.split.pairs(images)]).mean(0)


def unit(image: Tensor) -> Tensor:
    """Return the root mean square of each entry of a batch, (batch, 1, ..., 1); one where it is zero."""
    power = image.abs().square().mean(tuple(range(1, image.ndim)), keepdim=True)
    return torch.where(power > 0, power, 1).sqrt()


def as_channels(image: Tensor) -> Tensor:
    """Return the channels of a batch one by one, as real ones: (batch · channel, 1 or 2, *space)."""
    parts = torch.view_as_real(image).movedim(-1, 2) if image.is_complex() else image.unsqueeze(2)
    return parts.flatten(0, 1)
