"""What every generative method is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from pellucid.objectives import Objective
from pellucid.training import Adam


@dataclass(frozen=True, kw_only=True)
class Generative:
    """A published choice of a model and of the distance that it minimises, ready for `fit`.

    Parameters
    ----------
    model
        What is learned: a generator, a volume, or two maps.
    objective
        D; its critics are trained beside the model.
    optimisers
        A setting for each turn of the objective, by name.
    """

    model: nn.Module
    objective: Objective[Any]
    optimisers: Mapping[str, Adam]
