"""What every method is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pellucid.data.splits import Split
from pellucid.objectives import HeldOut
from pellucid.restorers import Restorer
from pellucid.training import Adam


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a user must know before choosing a method.

    Parameters
    ----------
    title
        Its name in the literature.
    needs
        ``image``: one noisy image is enough. ``repeats``: two recordings of the same object. ``measurements``: what
        an instrument recorded, and its operator.
    assumes
        What must hold of the noise, in words.
    independent
        Whether noise that is correlated between pixels makes it invalid.
    stabilise
        Whether noise of signal-dependent strength is brought to unit strength first.
    gives
        ``image``, or ``image, spread``.
    equation, paper
        What is minimised, and where that was published.
    """

    title: str
    needs: Literal["image", "repeats", "measurements"]
    assumes: str
    independent: bool
    stabilise: bool
    gives: str
    equation: str
    paper: str


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One fit: what is minimised, on patches of which size, how it steps.

    Parameters
    ----------
    model, objective
        What is trained, by which distance.
    patch
        Size along each spatial axis; cut down to the image.
    batch
        Patches a step.
    adam
        The optimiser.
    """

    model: Restorer
    objective: HeldOut
    patch: Sequence[int]
    batch: int
    adam: Adam


@dataclass(frozen=True, kw_only=True)
class Method:
    """A published choice of F and D, ready to be fitted and asked.

    Parameters
    ----------
    model
        What is trained or calibrated.
    prior
        What explains pixels that were hidden from it, with the accuracy of the restorer: mean, and variance where the
        restorer joins it with the seen pixel. The held-out risk is measured on it.
    restorer
        The rule of inference: the model itself or a wrapper around it.
    split
        Holds data out, for training and for measuring the risk.
    stages
        Fits in order; empty where nothing is trained.
    card
        What the method needs and gives.
    """

    model: Restorer
    prior: Restorer
    restorer: Restorer
    split: Split
    stages: tuple[Stage, ...] = ()
    card: Card
