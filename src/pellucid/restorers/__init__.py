"""F: what turns a measurement into an image."""

from pellucid.restorers.backprojected import Backprojected, PartsAverage
from pellucid.restorers.base import Restorer
from pellucid.restorers.enhancer import Enhancer
from pellucid.restorers.ensemble import Ensemble
from pellucid.restorers.inference import Flips, PosteriorMean, SplitAverage
from pellucid.restorers.least_squares import LeastSquares, Units
from pellucid.restorers.local_variance import LocalVariance
from pellucid.restorers.non_local_means import NonLocalMeans
from pellucid.restorers.plug_and_play import PlugAndPlay
from pellucid.restorers.recorded import Recorded
from pellucid.restorers.red import RED
from pellucid.restorers.regularised import Regularised
from pellucid.restorers.shots import Shots
from pellucid.restorers.unrolled import Unrolled

__all__ = [
    "RED",
    "Backprojected",
    "Enhancer",
    "Ensemble",
    "Flips",
    "LeastSquares",
    "LocalVariance",
    "NonLocalMeans",
    "PartsAverage",
    "PlugAndPlay",
    "PosteriorMean",
    "Recorded",
    "Regularised",
    "Restorer",
    "Shots",
    "SplitAverage",
    "Units",
    "Unrolled",
]
