"""A fully convolutional variational autoencoder, of one code or of a ladder of codes: nothing bypasses them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid._math.placed import Random, normal

_CONV = {2: nn.Conv2d, 3: nn.Conv3d}
_MEAN = {2: F.avg_pool2d, 3: F.avg_pool3d}
_FIRST = 1e-2  # first weights of the codes: they start near their priors, not far out


class Autoencoder(nn.Module):
    """x = g(z_L, ..., z_0) and q(z | y) = q(z_L | y) ⋯ q(z_0 | y, z_1, ..., z_L), from coarse to fine.

    The coarsest code has the prior N(0, 1), each finer one a Gaussian that the coarser ones set; q is the prior moved
    by what is seen of y at its level.

    Parameters
    ----------
    channels
        Of the data and of the image.
    code
        Channels of each code, which is an image of its own, smaller by 2^level.
    dims
        2 or 3 spatial axes.
    features, depth
        At the finest level, doubled with each of `depth` poolings.
    pool
        Pooling factor along each axis; default 2.
    hierarchical
        A code at every level; else at the coarsest only.

    References
    ----------
    Sønderby, Raiko, Maaløe, Sønderby, Winther, "Ladder variational autoencoders", NeurIPS 2016.
    """

    def __init__(
        self,
        channels: int,
        code: int,
        *,
        dims: int = 2,
        features: int = 32,
        depth: int = 2,
        pool: Sequence[int] | None = None,
        hierarchical: bool = True,
    ) -> None:
        super().__init__()
        self.dims, self.pool = dims, tuple(pool or [2] * dims)
        self.stride = tuple(p**depth for p in self.pool)
        widths = [0, *(features << level for level in reversed(range(depth + 1)))]
        finer = [*widths[2:], channels]
        codes = [code, *[code * hierarchical] * depth]
        self.levels = nn.ModuleList(
            _Level(dims, *sizes) for sizes in zip(finer, widths[1:], widths[:-1], codes, strict=True)
        )
        self.last = _CONV[dims](features, channels, 1)

    def start(self) -> None:
        """Bring q to the priors, and the priors to N(0, 1), nearly."""
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if "prior" in name or "posterior" in name:
                    weight.mul_(_FIRST)

    def forward(self, y: Tensor, rng: Random) -> tuple[Tensor, list[Tensor]]:
        """Draw z ~ q(z | y); return g(z), shaped like y, and KL(q ‖ prior), entry by entry, of each code."""
        return self.decode(self.encode(y), rng)

    def encode(self, y: Tensor) -> list[Tensor]:
        """Return what each level sees of the data, from coarse to fine: all draws have it in common."""
        seen = [y]
        for level in reversed(self.levels):
            x = seen[-1] if len(seen) == 1 else _MEAN[self.dims](seen[-1], self.pool)
            seen.append(level.seen(x))  # type: ignore[operator]
        return seen[:0:-1]

    def decode(self, seen: list[Tensor], rng: Random) -> tuple[Tensor, list[Tensor]]:
        """Draw z ~ q(z | y) of what was seen of y; return as `forward`."""
        state, divergences = seen[0][:, :0], []
        for level, x in zip(self.levels, seen, strict=True):
            state, divergence = level(state, x, rng)
            divergences += divergence
        with torch.autocast(state.device.type, enabled=False):
            image: Tensor = self.last(state.to(self.last.weight.dtype))
        return image, divergences


class _Level(nn.Module):
    """Sees what the finer level has seen; makes a code and the state of the image from the state of the coarser."""

    def __init__(self, dims: int, finer: int, width: int, coarser: int, code: int) -> None:
        super().__init__()
        conv = _CONV[dims]
        self.coarser, self.code = coarser, code
        self.seen, self.made = _pair(dims, finer, width), _pair(dims, coarser + code, width)
        if code:
            self.posterior = conv(coarser + width, 2 * code, 3, padding=1)
        if code and coarser:
            self.prior = conv(coarser, 2 * code, 3, padding=1)

    def forward(self, state: Tensor, seen: Tensor, rng: Random) -> tuple[Tensor, list[Tensor]]:
        """Return the state of this level, and what its code tells, if it has one."""
        told = []
        if self.coarser:
            state = F.interpolate(state, seen.shape[2:])
        if self.code:
            moved = self.posterior(torch.cat([state, seen], 1)).float()
            prior = self.prior(state).float() if self.coarser else torch.zeros_like(moved)
            z, divergence = coded(prior, moved, rng)
            state, told = torch.cat([state, z.to(state.dtype)], 1), [divergence]
        return self.made(state), told


def coded(prior: Tensor, moved: Tensor, rng: Random) -> tuple[Tensor, Tensor]:
    """Return a draw of q = N(µ + σ δ, (σ s)²), and KL(q ‖ N(µ, σ²)) = ½ (s² + δ² − 1) − log s, entry by entry.

    Parameters
    ----------
    prior
        µ and log σ, stacked along the channels.
    moved
        δ and log s.
    rng
        Draws u of z = µ + σ (δ + s u).
    """
    (mean, log_sigma), (by, log_scale) = prior.chunk(2, 1), moved.chunk(2, 1)
    log_sigma, log_scale = log_sigma.clamp(-5, 5), log_scale.clamp(-10, 5)
    z = mean + log_sigma.exp() * (by + log_scale.exp() * normal(mean, rng))
    return z, told(moved)


def told(moved: Tensor) -> Tensor:
    """Return KL(q ‖ N(µ, σ²)) in nats, entry by entry, of δ and log s as for `coded`."""
    by, log_scale = moved.chunk(2, 1)
    log_scale = log_scale.clamp(-10, 5)
    return 0.5 * ((2 * log_scale).exp() + by.square() - 1) - log_scale


def certain(last: nn.Linear, log_scale: float = -2.0) -> None:
    """Bring the codes that this layer infers, δ and log s as for `coded`, near zero, and make them certain.

    Where a code is drawn from its prior at first, the decoder learns the mean image, and the encoder hears from it
    hardly which code is better.
    """
    with torch.no_grad():
        last.weight.mul_(0.1)
        last.bias[len(last.bias) // 2 :] = log_scale


def _pair(dims: int, inputs: int, outputs: int) -> nn.Sequential:
    conv = _CONV[dims]
    return nn.Sequential(
        conv(inputs, outputs, 3, padding=1),
        nn.LeakyReLU(0.1, inplace=True),
        conv(outputs, outputs, 3, padding=1),
        nn.LeakyReLU(0.1, inplace=True),
    )
