"""N: how a noiseless value becomes a recorded one."""

from pellucid.noise.base import NoiseModel
from pellucid.noise.gaussian import Gaussian
from pellucid.noise.poisson import Poisson
from pellucid.noise.poisson_gaussian import PoissonGaussian
from pellucid.noise.stabilise import Stabiliser

__all__ = ["Gaussian", "NoiseModel", "Poisson", "PoissonGaussian", "Stabiliser"]
