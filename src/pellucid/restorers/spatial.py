"""An object that turns, moves and changes from image to image: its pose and its code are inferred from each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.networks.autoencoder import coded, told
from pellucid.operators.base import pick
from pellucid.restorers.base import PosteriorSampler
from pellucid.restorers.generator import Generator

_AT_ONCE = 1 << 18  # pixels that are inferred together


@dataclass(frozen=True, kw_only=True)
class PoseCode:
    """What is believed before an image is seen: Gaussians of mean zero, the angle as the sum of a turn and a rest.

    A turn is a multiple of 2π / turns, a rest has the standard deviation π / turns, and their variances add up to that
    of the angle: the density of the sum is uniform to 1.5 %, or Gaussian to 6 % where it is as wide as 2π / turns.

    Parameters
    ----------
    angle
        Standard deviation in radians; infinite where all angles are equally likely.
    shift
        Standard deviation along each axis in pixels.
    latent
        Length of the code z, of standard deviation one.
    turns
        How many; one leaves the whole angle to the rest, of the deviation π where it is infinite.
    """

    angle: float
    shift: float
    latent: int
    turns: int = 1

    @property
    def rest(self) -> float:
        """Standard deviation of the angle about its turn."""
        return min(self.angle, math.pi / self.turns)

    @property
    def deviations(self) -> Tensor:
        """Of rest, row, column and latent, shape (3 + latent,)."""
        return torch.tensor([self.rest, self.shift, self.shift, *[1.0] * self.latent])

    @property
    def log_chances(self) -> Tensor:
        """Of the turns, shape (turns,)."""
        angles = 2 * math.pi / self.turns * torch.arange(self.turns)
        nearest = torch.minimum(angles, 2 * math.pi - angles)
        variance = max(self.angle**2 - self.rest**2, torch.finfo(angles.dtype).tiny)
        return (-0.5 * nearest.square() / variance).log_softmax(0)


@dataclass(frozen=True, kw_only=True)
class Poses:
    r"""Where the object lies in each image: what is at r in the reference is at R r + t from the centre, size // 2.

    In (row, column), with rows counted downwards,

    .. math:: R = \begin{pmatrix} \cos\theta & -\sin\theta \\ \sin\theta & \cos\theta \end{pmatrix}

    Parameters
    ----------
    angle
        θ in radians, (particle,), in (-π, π]: how far the object was turned counter-clockwise on the screen, first row
        on top. θ = π / 2 is `torch.rot90`. In degrees it is RELION's ``rlnAnglePsi``, with rot and tilt zero.
    shift
        t in pixels, (particle, 2): how far it was then moved down and to the right. RELION's ``rlnOriginYAngst`` and
        ``rlnOriginXAngst``, which move it back, are -t times the size of a pixel.
    latent
        z, (particle, latent).
    spreads
        Standard deviations of the posterior: angle, row, column, latent, (particle, 3 + latent). They know the noise,
        but not how far encoder and decoder are from the best, nor other turns: errors are larger, by one half or so
        (`benchmarks/spatial_vae.py`).
    """

    angle: Tensor
    shift: Tensor
    latent: Tensor
    spreads: Tensor


class Spatial(PosteriorSampler, Generator):
    r"""x(p) = g(R_θ^T (p - t), z), with (θ, t, z) inferred from what was measured (survey eq. 24-26).

    The encoder sees the image turned back by each of the turns, and gives q of what remains: Gaussians of angle, shift
    and z. The posterior of the turn itself needs no network: q(k | y) ∝ p(k) exp E_k, with E_k the evidence bound under
    turn k, maximises the bound, so that its own gradient vanishes and a turn may be drawn from it at each step.

    Parameters
    ----------
    encoder
        Maps images (batch, channel, *space) to the means and the log deviations of (angle, row, column, z), each in
        units of its prior.
    decoder
        g: maps places (batch, place, 2), in halves of the smaller side, and z to (batch, place, channel).
    prior
        Of poses and codes.
    space
        Rows and columns.
    units
        Offset and scale: networks see, and make, (image - offset) / scale.
    draws
        How many make the image.

    Notes
    -----
    The encoder sees the back-projected data, H* y for a linear H, within the disc that stays in the image as it turns.
    E_k is taken at the mean of q, as its fluctuations are nearly the same for all turns. While the divergences count
    less at the start of a training, q(k | y) is still that of the whole bound.
    """

    whole = True
    deviations: Tensor
    log_chances: Tensor
    size: Tensor
    places: Tensor
    disc: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        *,
        prior: PoseCode,
        space: Sequence[int],
        units: tuple[float, float] = (0.0, 1.0),
        draws: int = 16,
    ) -> None:
        super().__init__(draws)
        self.encoder, self.decoder, self.prior = encoder, decoder, prior
        self.space, self.units = tuple(space), units
        self.radius = min(space) / 2
        axes = [torch.arange(n, dtype=torch.float32) - n // 2 for n in space]
        self.register_buffer("deviations", prior.deviations)
        self.register_buffer("log_chances", prior.log_chances)
        self.register_buffer("size", torch.tensor(self.space))
        self.register_buffer("places", torch.stack(torch.meshgrid(*axes, indexing="ij"), -1))
        self.register_buffer("disc", (self.places.norm(dim=-1) < self.radius).float())

    def render(self, angle: Tensor, shift: Tensor, latent: Tensor) -> Tensor:
        """Return noiseless images, (particle, channel, row, column), of poses and codes as in `Poses`."""
        r = (self.places.view(-1, 2) - shift[:, None]) @ _rotation(angle)  # R^T (p - t), as rows
        offset, scale = self.units
        values: Tensor = offset + scale * self.decoder(r / self.radius, latent)
        return values.mT.reshape(len(angle), -1, *self.space)

    def drawn(self, given: Measurement, rng: torch.Generator) -> tuple[Tensor, list[Tensor]]:
        """Return a draw of the images, and the nats that angle, shift, z and turn tell of each."""
        turn, choice = self._drawn_turn(given, rng)
        moved = self._inferred(given, turn)
        code, nats = coded(torch.zeros_like(moved), moved, rng)
        return self.render(*self._placed(turn, code)), [nats[:, :1], nats[:, 1:3], nats[:, 3:], choice]

    def draw(self, given: Measurement, rng: torch.Generator) -> Tensor:
        """Return a draw of the images, each in the pose of its particle."""
        return self.drawn(given, rng)[0]

    def sample(self, count: int, rng: torch.Generator) -> Tensor:
        """Return noiseless images of poses and codes from the prior."""
        turn = _chosen(self.log_chances.expand(count, -1), rng)
        code = torch.randn(count, len(self.deviations), generator=rng, device=rng.device)
        return self.render(*self._placed(turn, code))

    @torch.no_grad()
    def poses(self, given: Measurement) -> Poses:
        """Return the most likely turn of each particle, and mean and deviations of the posterior under it."""
        found = []
        for part in _parts(given):
            turn = self._bounds(part).argmax(1)
            mean, log_scale = self._inferred(part, turn).chunk(2, 1)
            spreads = self.deviations * log_scale.exp()
            turned = self._rotations(turn).square() @ spreads[:, 1:3, None].square()
            spreads[:, 1:3] = turned[..., 0].sqrt()
            found.append((*self._placed(turn, mean), spreads))
        angle, shift, latent, spreads = (torch.cat(column) for column in zip(*found, strict=True))
        angle = math.pi - (math.pi - angle).remainder(2 * math.pi)
        return Poses(angle=angle, shift=shift, latent=latent, spreads=spreads)

    @torch.no_grad()
    def traverse(self, count: int = 7, reach: float = 2.0) -> Tensor:
        """Return what each axis of z changes: from -reach to reach deviations of the prior, the others at zero.

        Returns
        -------
        Tensor
            Images of the object in its reference pose, (latent, count, channel, row, column).
        """
        axes = torch.eye(self.prior.latent, device=self.places.device)
        steps = torch.linspace(-reach, reach, count, device=self.places.device)
        latent = (steps[:, None] * axes[:, None]).flatten(0, 1)
        images = self.render(latent.new_zeros(len(latent)), latent.new_zeros(len(latent), 2), latent)
        return images.view(-1, count, *images.shape[1:])

    def _inferred(self, given: Measurement, turn: Tensor) -> Tensor:
        """Return means and log deviations of q, in units of the prior, (particle, 2 (3 + latent)), under the turns."""
        offset, scale = self.units
        seen = (given.operator.backproject(given.y) - offset) / scale
        source = (self.places.view(-1, 2) @ self._rotations(turn).mT).view(-1, *self.space, 2)
        grid = (2 * (source + self.size // 2) + 1) / self.size - 1
        upright = F.grid_sample(seen, grid.flip(-1), align_corners=False)
        moved: Tensor = self.encoder(upright * self.disc).float()
        return moved

    def _placed(self, turn: Tensor, code: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return angle, shift and z of a code in units of the prior, whose shift is that of the image turned back."""
        code = code * self.deviations
        shift = (self._rotations(turn) @ code[:, 1:3, None])[..., 0]
        return self._angle(turn) + code[:, 0], shift, code[:, 3:]

    def _angle(self, turn: Tensor) -> Tensor:
        return turn * (2 * math.pi / self.prior.turns)

    def _rotations(self, turn: Tensor) -> Tensor:
        return _rotation(self._angle(turn))

    def _bounds(self, given: Measurement) -> Tensor:
        """Return E_k + log p(k) of each particle and turn, (particle, turn); zero where there is one turn."""
        if self.prior.turns == 1:
            return given.y.new_zeros(len(given.y), 1)
        if given.noise is None:
            raise InputError("Which way a particle lies is told by its likelihood: give the images a noise model.")
        bounds = []
        for k in range(self.prior.turns):
            turn = torch.full((len(given.y),), k, device=given.y.device)
            moved = self._inferred(given, turn)
            image = self.render(*self._placed(turn, moved.chunk(2, 1)[0]))
            likely = given.noise.log_prob(given.y, given.operator(image))
            likely = likely if given.weight is None else likely * given.weight
            bounds.append(likely.flatten(1).sum(1) - told(moved).sum(1))
        return torch.stack(bounds, 1) + self.log_chances

    @torch.no_grad()
    def _drawn_turn(self, given: Measurement, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return a turn of each particle, k ~ q(k | y), and KL(q(k | y) ‖ p(k))."""
        log_q = self._bounds(given).log_softmax(1)
        return _chosen(log_q, rng), (log_q.exp() * (log_q - self.log_chances)).sum(1)


def _chosen(log_chances: Tensor, rng: torch.Generator) -> Tensor:
    """Return one of each row, by the largest of its chances over exponential numbers: the host need not wait for it."""
    return (log_chances - torch.empty_like(log_chances).exponential_(generator=rng).log()).argmax(1)


def _rotation(angle: Tensor) -> Tensor:
    """Return the matrices of `Poses`, (particle, 2, 2)."""
    cos, sin = angle.cos(), angle.sin()
    return torch.stack((cos, -sin, sin, cos), -1).view(-1, 2, 2)


def _parts(given: Measurement) -> Iterator[Measurement]:
    """Yield the particles, a few at a time."""
    count = max(1, _AT_ONCE // given.y[0].numel())
    for first in range(0, len(given.y), count):
        rows = slice(first, first + count)
        weight = None if given.weight is None else pick(given.weight, rows)
        yield Measurement(y=given.y[rows], operator=given.operator[rows], weight=weight, noise=given.noise)
