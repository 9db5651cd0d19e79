"""Two maps between recordings and images: one restores, the other is the instrument."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.data.measurement import Measurement
from pellucid.restorers.base import Restorer

_CONV = {2: F.conv2d, 3: F.conv3d}
_PACE = 2.5  # the logits of a kernel have further to go than the weights of a network, at the same learning rate


class Transport(Restorer):
    """G: y → x, and F: x → y.

    Parameters
    ----------
    restorer
        G.
    way
        F: a known operator, which has no parameters, a `LearnedBlur`, or a network.
    """

    def __init__(self, restorer: Restorer, way: nn.Module) -> None:
        super().__init__()
        self.restorer, self.way, self.whole = restorer, way, restorer.whole

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the image, (batch, channel, *space)."""
        image: Tensor = self.restorer(given, rng)
        return image

    def through(self, x: Tensor, given: Measurement) -> Tensor:
        """Return F x, of images that are recorded as others were."""
        y: Tensor = self.way(x)
        return y

    def record(self, x: Tensor, given: Measurement, rng: torch.Generator) -> Tensor:
        """Return what the instrument would record of images, with noise where that is known."""
        y = self.through(x, given)
        return y if given.noise is None else given.noise.sample(y, rng)

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the period of the restorer."""
        return self.restorer.stride(dims)


class OwnInstruments(Transport):
    """F is the operator of each recording, such as the mask and the coils of a scan.

    Parameters
    ----------
    restorer
        G.
    """

    def __init__(self, restorer: Restorer) -> None:
        super().__init__(restorer, nn.Identity())

    def through(self, x: Tensor, given: Measurement) -> Tensor:
        """Return H x."""
        y: Tensor = given.operator(x)
        return y


class LearnedBlur(nn.Module):
    """A convolution whose kernel is learned: not negative, of sum one, its centre of mass in the middle.

    Without these a blind blur has no scale and no place: G could undo any of both. It starts flat.

    Parameters
    ----------
    width
        Of the kernel along each axis, odd.
    dims
        2 or 3 spatial axes.
    """

    place: Tensor

    def __init__(self, width: int, dims: int = 2) -> None:
        super().__init__()
        self.dims = dims
        ramp = torch.arange(width, dtype=torch.float32) - width // 2
        self.register_buffer("place", torch.stack(torch.meshgrid(*[ramp] * dims, indexing="ij")))
        self.logits = nn.Parameter(torch.zeros((width,) * dims))

    @property
    def kernel(self) -> Tensor:
        """The kernel: a softmax, tilted until its centre of mass is in the middle (Newton's method, three steps)."""
        logits: Tensor = _PACE * self.logits
        axes = "ijk"[: self.dims]
        for _ in range(3):
            p = logits.flatten().softmax(0).view_as(logits)
            mean = torch.einsum(f"a{axes},{axes}->a", self.place, p)
            off = self.place - mean.view(-1, *[1] * self.dims)
            spread = torch.einsum(f"a{axes},b{axes},{axes}->ab", off, off, p)
            tilt, _ = torch.linalg.solve_ex(spread + 1e-3 * torch.eye(self.dims, device=p.device), mean)  # never waits
            logits = logits - torch.einsum(f"a,a{axes}->{axes}", tilt, self.place)
        return logits.flatten().softmax(0).view_as(logits)

    def forward(self, x: Tensor) -> Tensor:
        """Blur each channel of (batch, channel, *space), which goes on as its mirror image."""
        kernel = self.kernel
        edge = [kernel.shape[0] // 2] * (2 * self.dims)
        flat = F.pad(x.flatten(0, 1).unsqueeze(1), edge, mode="reflect")
        return _CONV[self.dims](flat, kernel[None, None].flip(tuple(range(2, 2 + self.dims)))).view_as(x)
