"""H: what the instrument does to a noiseless object."""

from pellucid.operators.base import LinearOperator, Operator, OperatorPrior, Rows, Shape
from pellucid.operators.blur import Blur, LearnableBlur
from pellucid.operators.cryo import CentralSlices, PosePrior
from pellucid.operators.diffraction import DiffractionTomography, Optics
from pellucid.operators.elementary import Crop, Diagonal, Identity, Sampling
from pellucid.operators.fourier import Fourier
from pellucid.operators.mri import CoilMaps, Sense
from pellucid.operators.nufft import NonUniformFourier
from pellucid.operators.ptychography import FourierPtychography
from pellucid.operators.radon import Radon
from pellucid.operators.smlm import EmitterDensity, Emitters
from pellucid.operators.varying_blur import VaryingBlur

__all__ = [
    "Blur",
    "CentralSlices",
    "CoilMaps",
    "Crop",
    "Diagonal",
    "DiffractionTomography",
    "EmitterDensity",
    "Emitters",
    "Fourier",
    "FourierPtychography",
    "Identity",
    "LearnableBlur",
    "LinearOperator",
    "NonUniformFourier",
    "Operator",
    "OperatorPrior",
    "Optics",
    "PosePrior",
    "Radon",
    "Rows",
    "Sampling",
    "Sense",
    "Shape",
    "VaryingBlur",
]
