"""CryoGAN: a density whose projections, from random sides, look like the particles."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._math.turn import resized
from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods.generate.generative import Generative
from pellucid.methods.method import Card
from pellucid.networks import ImageCritic, initialise
from pellucid.objectives.adversarial import StatisticalDistance
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.operators.base import OperatorPrior
from pellucid.restorers.generator import Generator
from pellucid.restorers.volume import Volume
from pellucid.training import Adam

CARD = Card(
    title="CryoGAN",
    needs="particles",
    assumes="known distributions of poses, foci and noise",
    independent=False,
    stabilise=False,
    gives="map",
    equation="min_x max_V E_y V(y) − E_R,t,c V(S_t C_c P_R x + n), V of slope one",
    paper="Gupta, McCann, Donati, Unser, IEEE Transactions on Computational Imaging 2021",
    trained=True,
)


@dataclass(frozen=True)
class Recorded:
    """What the microscope would have recorded of the draws, from random sides: y = S_t C_c P_R x + n.

    Parameters
    ----------
    prior
        Draws R, t and c.
    background
        Where n comes from: patches without particles, or None for the noise model of the measurement.
    sides
        From how many each draw is seen.
    """

    prior: OperatorPrior
    background: Tensor | None = None
    sides: int = 1

    def __call__(self, model: Generator, batch: Measurement, rng: torch.Generator) -> Tensor:
        """Return as many images as there are data."""
        count = len(batch.y)
        draws = -(-count // self.sides)
        with torch.autocast(rng.device.type, enabled=False):  # Fourier transforms need more
            seen: Tensor = self.prior.draw(draws * self.sides, rng)(model.sample(draws, rng))[:count, 0]
        if self.background is not None:
            chosen = torch.randint(len(self.background), (count,), generator=rng, device=rng.device)
            return seen + self.background[chosen]
        if batch.noise is None:
            raise InputError("CryoGAN compares noisy images: give the measurement its noise model, or a background.")
        return batch.noise.sample(seen, rng)


def cryogan(
    size: int,
    prior: OperatorPrior,
    *,
    rng: torch.Generator,
    symmetry: Tensor | None = None,
    radius: float = 0.85,
    positive: bool = True,
    blur: float = 0.8,
    background: Tensor | None = None,
    first: Tensor | None = None,
    features: int = 16,
    penalty: float = 0.01,
) -> Generative:
    r"""Find a density from particles in unknown poses, without finding the poses.

    .. math:: \min_V \max_{\|D\|_L \le 1} E_y \, D(y) - E_{R, t, c, n} \, D(S_t C_c P_R V + n)

    The model is the volume V itself: the distribution of its noisy projections, over random rotations, shifts and
    contrast transfer functions, shall be that of the images, in Wasserstein distance.

    Parameters
    ----------
    size
        Of the volume and of its images.
    prior
        Draws R, t and c, as `PosePrior` does. Its padding of 2 leaves projections 2 % of error, one of 3 less than 1 %;
        the maps were no better for it.
    rng
        Where the critic's first weights come from; its device is that of the model.
    symmetry, radius, positive, blur
        As for `Volume`: the point group, the mask, whether the density is not negative, and its finest detail. Where
        densities may be negative, a wrong sign of the transfer functions turns the map; where they may not, detail as
        fine as `blur` came slower (`benchmarks/cryogan_parts.py`).
    background
        Patches of micrographs that hold no particle, shape (patch, 1, size, size), of mean zero, in the units of the
        images and where these are: they are n, in place of the noise model. Worth having where noise is coloured: on
        simulated images that noise model alone gave a map that correlated 0.75 with the truth, and 1024 patches 0.95.
    first
        A map to begin with, (1, 1, n, n, n): found from the same images at n pixels, whose higher frequencies were cut
        off, in units of their noise again. This is coarse to fine: from 16 to 32 pixels it gave 0.95 in place of 0.91
        in the same seconds of a short run. A volume of zeros where None is given.
    features
        Of the critic's first convolution.
    penalty
        λ of the gradient penalty.

    Notes
    -----
    Batches are whole images, (batch, 1, size, size), with their noise model, in units of that noise: the rates of Adam
    and the gradient penalty have the scale of the data. The critic sees each image at mean zero and variance one, and
    the penalty is on its slope in the image before that. So it tells no gain of the images; a noise a times as strong
    with a volume a times as dense is the same to it, and the scale of the noise, which the paper learns, is that of
    our volume. In place of the paper's curriculum of blurs, which ends with none, the volume is made of blobs to the
    end; there is no clipping of gradients; the rates fall to zero along a cosine, and what is kept is the running mean
    of the volumes.

    What it is not: a refinement. The likelihood methods (RELION, cryoSPARC, cryoDRGN) find how each particle lies, and
    are what a structure is determined with. This one matches a distribution that must be known beforehand: another
    distribution of poses than the prior's, junk among the particles, wrong foci or wrong noise go into the map, and
    nothing here tells of them. The paper reports 10.8 angstrom on simulated images; ours has been measured on simulated
    particles of 20 x 20 and 32 x 32 pixels alone. What it offers is a map that owes nothing to a reference or to a
    search for poses. The hand is not to be had from projections: the map may be the mirror image. The agreement of two
    half-sets means something only where the two runs share no critic and no first map.

    References
    ----------
    Gupta, McCann, Donati, Unser, "CryoGAN: a new reconstruction paradigm for single-particle cryo-EM via deep
    adversarial learning", IEEE Transactions on Computational Imaging 7, 2021.
    """
    volume = Volume(size, radius=radius, positive=positive, blur=blur, symmetry=symmetry).to(rng.device)
    if first is not None:
        with torch.no_grad():
            volume.voxels.copy_(finer(first, size))
    return Generative(
        model=volume,
        objective=likeness(size, Recorded(prior, background), rng, features=features, penalty=penalty),
        optimisers={"critic": Adam(rate=1e-3, betas=(0.5, 0.9)), "model": Adam(rate=1e-2, betas=(0.5, 0.9))},
        averaging=0.998,
    )


def finer(volume: Tensor, size: int) -> Tensor:
    """Return what a map found from images of fewer pixels is to images of `size` pixels, both in units of their noise.

    A projection of 1 / s as many voxels a side sums 1 / s as many of them, under noise 1 / s as strong.
    """
    return resized(volume, size) * (volume.shape[-1] / size) ** 2


def likeness(
    size: int, recorded: Recorded, rng: torch.Generator, *, features: int, penalty: float
) -> StatisticalDistance[Generator]:
    """Return the Wasserstein distance between images and what is recorded of draws; four moves of the critic a step."""
    if size < 8:
        raise InputError(f"CryoGAN's critic needs images of 8 x 8 pixels or more, and the size is {size}.")
    if recorded.background is not None and recorded.background.shape[1:] != (1, size, size):
        raise InputError(
            f"The background needs patches of the images' own shape, {('patch', 1, size, size)}, and came as "
            f"{tuple(recorded.background.shape)}."
        )
    critic = initialise(_Critic(ImageCritic(1, (size, size), features=features)).to(rng.device), rng)
    critic.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a quarter faster
    return StatisticalDistance(critic, recorded, DIVERGENCES["wasserstein"], penalty=penalty, moves=4)


class _Critic(nn.Module):
    """A critic that cannot see the offset and the contrast of an image."""

    def __init__(self, critic: nn.Module) -> None:
        super().__init__()
        self.critic = critic

    def forward(self, y: Tensor) -> Tensor:
        y = y - y.mean((-2, -1), keepdim=True)
        power = y.square().mean((-2, -1), keepdim=True).clamp(min=torch.finfo(y.dtype).eps)
        value: Tensor = self.critic(y * torch.rsqrt(power))
        return value
