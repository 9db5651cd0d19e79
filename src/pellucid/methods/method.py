"""What every method is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from pellucid.data.measurement import Measurement
from pellucid.data.patches import Symmetries
from pellucid.data.source import Source
from pellucid.data.splits import Split
from pellucid.objectives import Objective
from pellucid.operators import Operator
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
        ``image``: one noisy image is enough. ``repeats``: two recordings of the same object. ``truth``: a clean image
        of it, for upper bounds only. ``series``: many images of one object along T, its channels are then the
        volumes. ``measurements``: what an instrument recorded, and its operator. ``particles``: many images of one
        molecule, in unknown poses. ``clean``: a set of clean images. ``unpaired``: two sets of images of other
        objects. ``pairs``: two sets of images of the same objects.
    assumes
        What must hold of the noise, in words.
    independent
        Whether noise that is correlated between pixels makes it invalid.
    stabilise
        Whether noise of signal-dependent strength is brought to unit strength first.
    gives
        ``image``, or ``image, spread``; ``image, generated`` where a network makes up what the data do not tell; of
        what is generated from many: ``images``, ``map``, ``maps`` or ``poses``.
    equation, paper
        What is minimised, and where that was published.
    trained
        Of reconstructions: whether a network is trained.
    """

    title: str
    needs: Literal["image", "repeats", "truth", "series", "measurements", "particles", "clean", "unpaired", "pairs"]
    assumes: str
    independent: bool
    stabilise: bool
    gives: str
    equation: str
    paper: str
    trained: bool = False


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One fit: what is minimised, on patches of which size, how it steps.

    Parameters
    ----------
    model, objective
        What is trained, by which distance. Entries of the data without weight are never a target.
    patch
        Size along each spatial axis; cut down to the image.
    batch
        Patches a step.
    adam, critic
        The optimiser of the model, and that of its critics, where there are any.
    share
        Part of the budget, relative to the shares of the other stages.
    steps
        Most steps that are worth doing, or None.
    symmetries
        Of the patches: ``all`` mirrors them and exchanges rows and columns, ``mirrors`` does the first only, ``none``
        leaves them as they lie.
    start
        Called with the data before the fit: settles what is not trained, such as a table of the noise.
    source
        Makes batches of scans; None draws whole entries of them, which have no patches.
    judge
        Of scans: the objective and the data that judge the weights, in the place of what the split of the method holds
        out; or nothing can.
    interval, patience
        Steps between two validations on a scan; how many without a new best end the fit, or None.
    """

    model: nn.Module
    objective: Objective[Any]
    patch: Sequence[int]
    batch: int
    adam: Adam
    critic: Adam | None = None
    share: float = 1.0
    steps: int | None = None
    symmetries: Symmetries = "all"
    start: Callable[[Measurement], None] | None = None
    source: Callable[[Sequence[Measurement]], Source] | None = None
    judge: Callable[[Sequence[Measurement]], tuple[Objective[Any], Source] | None] | None = None
    interval: int = 50
    patience: int | None = None


@dataclass(frozen=True, kw_only=True)
class Method:
    """A published choice of F and D, ready to be fitted and asked.

    Parameters
    ----------
    model
        What is trained or calibrated.
    restorer
        The rule of inference: the model itself or a wrapper around it.
    prior
        What explains pixels that were hidden from it, with the accuracy of the restorer: mean, and variance where the
        restorer joins it with the seen pixel. The held-out risk is measured on it. None where a restorer sees all
        pixels: then the risk is Stein's, on pixels that were never a target.
    split
        Holds data out, for training and for measuring the risk; None where there is no prior.
    stages
        Fits in order; empty where nothing is trained.
    finish
        Called after the last fit with data whose weight marks pixels that were never a target: settles what they tell,
        and may return why the result is none to rely on, in whole sentences for the user.
    tell
        Called with the instrument of a scan: tells it what was learned of it, such as its PSF.
    card
        What the method needs and gives.
    warnings
        Why these data may be none for it: whole sentences for the user.
    """

    model: Restorer
    restorer: Restorer
    prior: Restorer | None = None
    split: Split | None = None
    stages: tuple[Stage, ...] = ()
    finish: Callable[[Measurement], tuple[str, ...] | None] | None = None
    tell: Callable[[Operator], None] | None = None
    card: Card
    warnings: tuple[str, ...] = ()
