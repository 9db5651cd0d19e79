"""D: the distance between what was measured and what a model explains."""

from pellucid.objectives.base import Objective, Turn
from pellucid.objectives.held_out import HeldOut, absolute, gaussian, squared

__all__ = ["HeldOut", "Objective", "Turn", "absolute", "gaussian", "squared"]
