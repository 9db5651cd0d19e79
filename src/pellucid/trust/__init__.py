"""An honest answer, without a reference, to: can I trust this image?"""

from pellucid.trust.risk import Risk, held_out_risk, second_shot_risk, stein_risk
from pellucid.trust.symptoms import Symptoms, examine
from pellucid.trust.verdict import LEVELS, Verdict, judge

__all__ = [
    "LEVELS",
    "Risk",
    "Symptoms",
    "Verdict",
    "examine",
    "held_out_risk",
    "judge",
    "second_shot_risk",
    "stein_risk",
]
