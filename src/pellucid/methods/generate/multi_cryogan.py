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
    hidden: int = 32,
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
    hidden
        Width of the network: how many volumes it mixes.

    Notes
    -----
    A departure: three linear maps take z to the voxels, so that g(z) is a mean and a mixture of `hidden` volumes, where
    the paper has convolutions in three dimensions; and z is normal, where the paper's is uniform. Neither the pose of a
    conformation nor its hand is told by its images, so the draws of g may turn as they change: align before comparing.
    How often a conformation is drawn is an estimate of how often it was there, on which nothing has been measured.

    References
    ----------
    Gupta, Phan, Yoo, Unser, "Multi-CryoGAN: reconstruction of continuous conformations in cryo-EM using generative
    adversarial networks", European Conference on Computer Vision Workshops, 2020.
    """
    objective = likeness(size, Recorded(prior, background), rng, features=features, penalty=penalty)
    last = nn.Linear(hidden, size**3)
    network = nn.Sequential(
        *(nn.Linear(code, hidden), nn.LeakyReLU(0.1), nn.Linear(hidden, hidden), nn.LeakyReLU(0.1), last),
        *(nn.Unflatten(1, (1, size, size, size)), Ball(size, radius=radius, positive=positive, blur=blur)),
    )
    initialise(network.to(rng.device), rng)
    nn.init.zeros_(last.weight)  # the first volumes are zero, as that of CryoGAN
    return Generative(
        model=Pushforward(network, code),
        objective=objective,
        optimisers={"critic": Adam(rate=1e-3, betas=(0.5, 0.9)), "model": Adam(rate=8e-3, betas=(0.5, 0.9))},
    )
