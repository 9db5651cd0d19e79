"""Steps an optimiser, saves, resumes, logs."""

from pellucid.training.fit import fit
from pellucid.training.plan import Adam, Plan, Validation
from pellucid.training.watch import History

__all__ = ["Adam", "History", "Plan", "Validation", "fit"]
