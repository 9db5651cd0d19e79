"""D: the distance between what was measured and what a model explains."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor, nn

from pellucid.data.measurement import Measurement
from pellucid.data.source import Step

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class Turn:
    """One player's move in a step.

    Parameters
    ----------
    name
        Names the optimiser setting in the plan.
    parameters
        What this turn may change.
    terms
        Returns the named, weighted terms of a batch at a step; their sum is minimised.
    repeats
        Moves a step, each with a fresh batch.
    """

    name: str
    parameters: Sequence[Tensor]
    terms: Callable[[Measurement, Step], dict[str, Tensor]]
    repeats: int = 1


class Objective(nn.Module, ABC, Generic[Model]):
    """A scalar to be minimised. It owns its forward pass: whoever corrupts the input computes the loss."""

    @abstractmethod
    def terms(self, model: Model, batch: Measurement, step: Step) -> dict[str, Tensor]:
        """Return the named and weighted terms, scalars; `fit` adds and logs them."""

    def turns(self, model: Model) -> tuple[Turn, ...]:
        """Return the moves of a step: one, over the parameters of the model and of the objective."""
        parameters = [p for m in (model, self) for p in m.parameters() if p.requires_grad]
        return (Turn("model", parameters, lambda batch, step: self.terms(model, batch, step)),)
