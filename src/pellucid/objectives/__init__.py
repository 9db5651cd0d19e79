"""D: the distance between what was measured and what a model explains."""

from pellucid.objectives.base import Objective, Turn
from pellucid.objectives.held_out import HeldOut, absolute, gaussian, normalised_l1_l2, squared
from pellucid.objectives.sure import Sure

__all__ = ["HeldOut", "Objective", "Sure", "Turn", "absolute", "gaussian", "normalised_l1_l2", "squared"]
