"""N: how a noiseless value becomes a recorded one."""

from pellucid.noise.base import NoiseModel
from pellucid.noise.correlation import Autocorrelation, autocorrelation
from pellucid.noise.emccd import EMCCD
from pellucid.noise.estimate import (
    Diagnosis,
    PhotonTransfer,
    diagnose,
    photon_transfer,
    photon_transfer_pairs,
    photon_transfer_repeats,
)
from pellucid.noise.gamma import Gamma
from pellucid.noise.gaussian import Gaussian
from pellucid.noise.histogram import Histogram
from pellucid.noise.mixture import Mixture
from pellucid.noise.poisson import Poisson
from pellucid.noise.poisson_gaussian import PoissonGaussian
from pellucid.noise.rician import Rician
from pellucid.noise.stabilise import Stabiliser
from pellucid.noise.stabilised import Stabilised

__all__ = [
    "EMCCD",
    "Autocorrelation",
    "Diagnosis",
    "Gamma",
    "Gaussian",
    "Histogram",
    "Mixture",
    "NoiseModel",
    "PhotonTransfer",
    "Poisson",
    "PoissonGaussian",
    "Rician",
    "Stabilised",
    "Stabiliser",
    "autocorrelation",
    "diagnose",
    "photon_transfer",
    "photon_transfer_pairs",
    "photon_transfer_repeats",
]
