"""What a fit may spend and how it steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from pellucid.data.source import Source
from pellucid.errors import InputError
from pellucid.objectives.base import Objective


@dataclass(frozen=True, kw_only=True)
class Adam:
    """Adam with a linear start, and a rate that falls to zero at the end of the budget.

    Parameters
    ----------
    rate
        Largest learning rate.
    betas
        Decay of the first and second moments.
    warm_up
        Steps until the rate is reached.
    decay
        ``cosine``; ``linear`` over the second half of the budget, as for CycleGAN; ``none`` keeps the rate.
    """

    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.99)
    warm_up: int = 50
    decay: Literal["cosine", "linear", "none"] = "cosine"

    def at(self, index: int, progress: float) -> float:
        """Return the learning rate of a step."""
        left = {"cosine": 0.5 * (1 + math.cos(math.pi * progress)), "linear": min(1.0, 2 - 2 * progress), "none": 1.0}
        return self.rate * min(1.0, (index + 1) / max(1, self.warm_up)) * left[self.decay]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The budget of a fit and how it steps.

    Parameters
    ----------
    steps, seconds
        The fit ends at whichever comes first; at least one is given. With `steps` alone a run on a CPU can be
        repeated to the bit.
    seed
        All randomness is a function of (seed, rank, step).
    optimisers
        A setting for each turn of the objective, by name.
    averaging
        Decay of the running mean of the weights, which is what is validated and returned; it starts short.
    precision
        Type of the activations; None computes in float32 throughout.
    checkpoint
        Where the state of the run is kept, or None.
    checkpoint_seconds
        How often it is written.
    """

    steps: int | None = None
    seconds: float | None = None
    seed: int = 0
    optimisers: Mapping[str, Adam] = field(default_factory=lambda: {"model": Adam()})
    averaging: float = 0.99
    precision: torch.dtype | None = None
    checkpoint: Path | None = None
    checkpoint_seconds: float = 30.0

    def __post_init__(self) -> None:
        """Check that there is an end."""
        ends = [end for end in (self.steps, self.seconds) if end is not None]
        if not ends or min(ends) <= 0:
            raise InputError("A fit needs an end: give a number of steps, or of seconds, above zero.")

    def progress(self, index: int, seconds: float) -> float:
        """Return the part of the budget that is spent, from 0 to 1."""
        spent = [index / self.steps] if self.steps is not None else []
        spent += [seconds / self.seconds] if self.seconds is not None else []
        return min(1.0, max(spent))


@dataclass(frozen=True, kw_only=True)
class Validation:
    """How a fit judges itself: on data that is never a training target, with fixed masks.

    Parameters
    ----------
    objective, source
        What is evaluated on the averaged weights; lower is better.
    interval
        Steps between evaluations.
    patience
        Evaluations without a new best after which the fit stops, or None.
    """

    objective: Objective  # type: ignore[type-arg]
    source: Source
    interval: int = 100
    patience: int | None = None
