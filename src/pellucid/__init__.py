"""Restore microscopy images when nobody has a clean reference image.

Every public name is imported when it is first used: `import pellucid` alone loads neither PyTorch nor SciPy.

Examples
--------
>>> import pellucid as pl
>>> pl.samples.names()
('nuclei-timelapse', 'nuclei-stack', 'hiv-tomogram')
"""

from __future__ import annotations

from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid import methods as methods
    from pellucid.data import samples as samples
    from pellucid.data.image import Image as Image
    from pellucid.data.io import read
    from pellucid.data.measurement import Measurement as Measurement
    from pellucid.data.splits import BlindSpot as BlindSpot
    from pellucid.data.splits import Grid as Grid
    from pellucid.data.splits import Repeats as Repeats
    from pellucid.errors import InputError as InputError
    from pellucid.noise import Gaussian as Gaussian
    from pellucid.noise import Poisson as Poisson
    from pellucid.noise import PoissonGaussian as PoissonGaussian
    from pellucid.objectives import HeldOut as HeldOut
    from pellucid.operators import Identity as Identity
    from pellucid.operators import LinearOperator as LinearOperator
    from pellucid.operators import Operator as Operator
    from pellucid.operators import Sampling as Sampling
    from pellucid.restoration import restore as restore
    from pellucid.restorers import Enhancer as Enhancer
    from pellucid.training import Plan as Plan
    from pellucid.training import fit as fit
    from pellucid.workflows.compare import compare as compare
    from pellucid.workflows.denoise import Result as Result
    from pellucid.workflows.denoise import apply as apply
    from pellucid.workflows.denoise import denoise as denoise
    from pellucid.workflows.evaluate import evaluate as evaluate
    from pellucid.workflows.inspect import inspect
    from pellucid.workflows.model import Model as Model
    from pellucid.workflows.options import Options as Options
    from pellucid.workflows.particles import particles as particles
    from pellucid.workflows.reconstruct import deconvolve as deconvolve
    from pellucid.workflows.reconstruct import reconstruct as reconstruct
    from pellucid.workflows.sample import sample as sample
    from pellucid.workflows.train import train as train

    open, info, load = read, inspect, Model.load
    __version__: str

_PLACES = {  # module, name in it
    "BlindSpot": ("data.splits", "BlindSpot"),
    "Enhancer": ("restorers", "Enhancer"),
    "Gaussian": ("noise", "Gaussian"),
    "Grid": ("data.splits", "Grid"),
    "HeldOut": ("objectives", "HeldOut"),
    "Identity": ("operators", "Identity"),
    "Image": ("data.image", "Image"),
    "InputError": ("errors", "InputError"),
    "LinearOperator": ("operators", "LinearOperator"),
    "Measurement": ("data.measurement", "Measurement"),
    "Model": ("workflows.model", "Model"),
    "Options": ("workflows.options", "Options"),
    "Operator": ("operators", "Operator"),
    "Plan": ("training", "Plan"),
    "Poisson": ("noise", "Poisson"),
    "PoissonGaussian": ("noise", "PoissonGaussian"),
    "Repeats": ("data.splits", "Repeats"),
    "Result": ("workflows.denoise", "Result"),
    "Sampling": ("operators", "Sampling"),
    "apply": ("workflows.denoise", "apply"),
    "compare": ("workflows.compare", "compare"),
    "deconvolve": ("workflows.reconstruct", "deconvolve"),
    "denoise": ("workflows.denoise", "denoise"),
    "evaluate": ("workflows.evaluate", "evaluate"),
    "fit": ("training", "fit"),
    "info": ("workflows.inspect", "inspect"),
    "load": ("workflows.model", "Model.load"),
    "methods": ("methods", ""),
    "open": ("data.io", "read"),
    "particles": ("workflows.particles", "particles"),
    "reconstruct": ("workflows.reconstruct", "reconstruct"),
    "restore": ("restoration", "restore"),
    "sample": ("workflows.sample", "sample"),
    "samples": ("data.samples", ""),
    "train": ("workflows.train", "train"),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("pellucid")
    if name not in _PLACES:
        raise AttributeError(f"module 'pellucid' has no attribute {name!r}")
    module, attribute = _PLACES[name]
    home = import_module(f"pellucid.{module}")
    globals()[name] = found = attrgetter(attribute)(home) if attribute else home
    return found


def __dir__() -> list[str]:
    return [*_PLACES, "__version__"]
