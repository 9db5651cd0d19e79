"""Multi-CryoGAN: densities of a particle in all its conformations, from images in unknown poses."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid.methods.generate.cryogan import Recorded, likeness
from pellucid.methods.generate.generative import Generative
from pellucid.methods.method import Card
from pellucid.networks import initialise
from pellucid.operators.base import OperatorPrior
from pellucid.restorers.generator import Pushforward
from pellucid.restorers.volume import Ball
from pellucid.training import Adam

CARD = Card(
    title="Multi-CryoGAN",
    needs="particles",
    assumes="known distributions of poses, foci and noise",
    independent=False,
    stabilise=False,
    gives="maps",
    equation="min_g max_V E_y V(y) − E_z,R,t,c V(S_t C_c P_R g(z) + n), V of slope one",
    paper="Gupta, Phan, Yoo, Unser, European Conference on Computer Vision Workshops 2020",
    trained=True,
)

_MIXED, _SIDES = 32, 4  # volumes; from how many sides each draw is seen


def multi_cryogan(
    size: int,
    prior: OperatorPrior,
    *,
    rng: torch.Generator,
    code: int = 1,
    radius: float = 0.85,
    positive: bool = True,
    blur: float = 0.8,
    background: Tensor | None = None,
    features: int = 16,
    penalty: float = 0.01,
) -> Generative:
    r"""Find the distribution of a density from particles in unknown poses and unknown conformations.

    .. math:: \min_g \max_{\|D\|_L \le 1} E_y \, D(y) - E_{z, R, t, c, n} \, D(S_t C_c P_R \, g(z) + n),
        \qquad z \sim N(0, 1)

    This is `cryogan` with a generator of volumes in place of the volume, and where g is constant it is nothing else.

    Parameters
    ----------
    size, prior, rng, radius, positive, blur, background, features, penalty
        As for `cryogan`.
    code
        Length of z: in how many ways the density may change.

    Notes
    -----
    A departure: g(z) is a volume and a mean of 32 others, with weights that two linear maps find from z, where the
    paper has convolutions in three dimensions; and z is normal, where the paper's is uniform. It is a mean, not a sum,
    so that under one rate a density moves about as fast as CryoGAN's: at ten times that one of two states was missed.
    Each draw of g is seen from four sides, as images are cheap beside volumes. Batches of 32 images parted two states
    of 20³ within 2500 steps, with another seed 4000: a training that is too short shows one, or the mean of both.

    A critic that sees no difference between two conformations drives both to the same density, and the slope of a
    Wasserstein distance does not part what lies in one place. So the first densities are random, smooth, and differ
    with z: after few steps they are what is drawn.

    Neither the pose of a conformation nor its hand is told by its images, so the draws of g may turn as they change:
    align before comparing. The mean of two conformations correlates well with both of them: a map is one of them where
    it correlates clearly less with the other. How often a conformation is drawn is an estimate of how often it was
    there, on which nothing has been measured.

    References
    ----------
    Gupta, Phan, Yoo, Unser, "Multi-CryoGAN: reconstruction of continuous conformations in cryo-EM using generative
    adversarial networks", European Conference on Computer Vision Workshops, 2020.
    """
    objective = likeness(size, Recorded(prior, background, _SIDES), rng, features=features, penalty=penalty)
    ball = Ball(size, radius=radius, positive=positive, blur=blur)
    network = _Mixture(size, code, ball).to(rng.device)
    initialise(network, rng)
    smooth = Ball(size, radius=radius, positive=False, blur=0.15 * size).to(rng.device)
    first = smooth(torch.randn(_MIXED, 1, size, size, size, generator=rng, device=rng.device)).flatten(1)
    with torch.no_grad():
        network.volumes.weight.copy_((first / first.std()).mT)
    return Generative(
        model=Pushforward(network, code),
        objective=objective,
        optimisers={"critic": Adam(rate=1e-3, betas=(0.5, 0.9)), "model": Adam(rate=1e-2, betas=(0.5, 0.9))},
        averaging=0.998,
    )


class _Mixture(nn.Module):
    """z to a volume, and a mean of others with weights that a network finds."""

    def __init__(self, size: int, code: int, ball: Ball) -> None:
        super().__init__()
        self.weights = nn.Sequential(
            *(nn.Linear(code, _MIXED), nn.LeakyReLU(0.1), nn.Linear(_MIXED, _MIXED), nn.LeakyReLU(0.1))
        )
        self.volumes = nn.Linear(_MIXED, size**3)
        self.size, self.ball = size, ball

    def forward(self, z: Tensor) -> Tensor:
        """Return densities, (batch, 1, size, size, size)."""
        voxels: Tensor = self.volumes(2 / _MIXED * self.weights(z))
        density: Tensor = self.ball(voxels.view(-1, 1, self.size, self.size, self.size))
        return density
