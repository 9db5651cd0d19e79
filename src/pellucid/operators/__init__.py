"""H: what the instrument does to a noiseless object."""

from pellucid.operators.base import LinearOperator, Operator, OperatorPrior, Rows, Shape
from pellucid.operators.blur import Blur, LearnableBlur
from pellucid.operators.cryo import CentralSlices, PosePrior
from pellucid.operators.elementary import Identity, Sampling
from pellucid.operators.radon import Radon
from pellucid.operators.varying_blur import VaryingBlur

__all__ = [
    "Blur",
    "CentralSlices",
    "Identity",
    "LearnableBlur",
    "LinearOperator",
    "Operator",
    "OperatorPrior",
    "PosePrior",
    "Radon",
    "Rows",
    "Sampling",
    "Shape",
    "VaryingBlur",
]
