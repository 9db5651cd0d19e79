"""An honest answer, without a reference, to: can I trust this image?"""

from pellucid.trust.limits import LEVELS, Limit, detectable
from pellucid.trust.risk import Risk, held_out_risk, second_shot_risk
from pellucid.trust.spread import Calibration, by_error, calibrate, calibrated, covered
from pellucid.trust.stein import stein_risk, stein_risks
from pellucid.trust.support import unsupported
from pellucid.trust.symptoms import Symptoms, examine
from pellucid.trust.verdict import Verdict, judge

__all__ = [
    "LEVELS",
    "Calibration",
    "Limit",
    "Risk",
    "Symptoms",
    "Verdict",
    "by_error",
    "calibrate",
    "calibrated",
    "covered",
    "detectable",
    "examine",
    "held_out_risk",
    "judge",
    "second_shot_risk",
    "stein_risk",
    "stein_risks",
    "unsupported",
]
