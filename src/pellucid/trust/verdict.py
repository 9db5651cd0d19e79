"""A verdict in plain words from what a residual shows, and what nobody could check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pellucid.noise import Autocorrelation, PhotonTransfer
from pellucid.trust.limits import LEVELS, Level, Limit, level, rated, unseen
from pellucid.trust.risk import UNSURE, Risk
from pellucid.trust.symptoms import Symptoms, examine

OPENINGS: dict[Level, str] = {
    "green": "Nothing was found against this image",
    "amber": "Look before you rely on this image",
    "red": "Do not rely on this image",
}
FAINT = "Structure fainter than the noise: a fault below the limits of these checks leaves no trace in them."
UNCERTAINTY = "Whether a stated uncertainty of each pixel is right."
NOT_CHECKED = (
    "Detail finer than the noise allows: what a method makes up below that limit leaves no trace.",
    "Faults that all frames share: blur, drift, uneven light, fixed patterns of the camera.",
    UNCERTAINTY,
)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the checks say in plain words, and what they cannot say.

    Parameters
    ----------
    level
        ``green``: nothing found against the image; ``amber``: look first; ``red``: do not rely on it.
    sentence
        The verdict in one sentence.
    reasons
        What the checks found, one sentence each.
    not_checked
        What nobody looked at, one sentence each.
    warnings
        What went wrong or was assumed on the way, one sentence each.
    """

    level: Level
    sentence: str
    reasons: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def severity(self) -> int:
        """0 for green, 1 for amber, 2 for red."""
        return LEVELS.index(self.level)


@dataclass(frozen=True)
class _Finding:
    """What one check found: how bad, in a few words for the headline, and in one sentence."""

    level: Level
    headline: str
    sentence: str


def judge(
    noisy: ArrayLike,
    restored: ArrayLike,
    *,
    transfer: PhotonTransfer,
    correlation: Autocorrelation,
    risk: Risk | None,
    independent: bool = True,
    limits: Sequence[Limit] = (),
) -> Verdict:
    """Say whether a restored image can be trusted, as far as the recorded image can tell.

    Parameters
    ----------
    noisy, restored
        In recorded units, shape (..., row, column).
    transfer, correlation
        The noise of the recorded image.
    risk
        What is known of the error beyond the residual, or None.
    independent
        Whether the method relies on noise that is independent from pixel to pixel, as blind-spot methods do.
    limits
        What the checks can see in this image, from `detectable`; what they cannot is said.

    Raises
    ------
    InputError
        Where the two images cannot belong together.

    Notes
    -----
    The worst symptom decides. `LIMITS` were chosen on 23 recordings restored by two methods, and on planted faults:
    good restorations are green, gross faults red. `benchmarks/confusion.py` counts both on images that had no part in
    it.

    Examples
    --------
    >>> from pellucid.noise import diagnose
    >>> rng = np.random.default_rng(0)
    >>> x = 50 + 40 * np.sin(np.linspace(0, 12, 256)) * np.ones((256, 1))
    >>> y = rng.normal(x, 5)
    >>> seen = diagnose(y)
    >>> noise = {"transfer": seen.transfer, "correlation": seen.correlation}
    >>> judge(y, x, **noise, risk=None).level, judge(y, 0.8 * x, **noise, risk=None).level
    ('green', 'red')
    """
    seen = examine(noisy, restored, transfer=transfer, correlation=correlation)
    errors = list(_error(risk, correlation, independent))
    findings = [*_symptoms(seen), *_correlated(correlation, independent), *errors]
    findings.sort(key=lambda finding: -LEVELS.index(finding.level))  # stable: the worst first
    worst = findings[0]
    said = "what was removed looks like noise" if worst.level == "green" else worst.headline
    unknown = () if errors else ("How large the error is: that needs a valid held-out risk, or a second recording.",)
    sd = float(np.sqrt(np.median(transfer.variance_at(np.asarray(restored, dtype=np.float64)))))
    faint = unseen(limits, sd) if limits else FAINT
    return Verdict(
        level=worst.level,
        sentence=f"{OPENINGS[worst.level]}: {said}.",
        reasons=tuple(finding.sentence for finding in findings),
        not_checked=(*unknown, faint, *NOT_CHECKED),
    )


def _symptoms(seen: Symptoms) -> Iterator[_Finding]:
    """Put every symptom into words; what may cause the others comes first."""
    where = "at edges" if seen.edges else "away from edges"
    plane, row, column = seen.at
    added = "plane {}, row {}, column {}".format(*seen.invented_at)
    low_high = ("dark", "less") if seen.light > 0 else ("bright", "more")
    words = {
        "light": (
            f"it is too {low_high[0]} as a whole",
            f"The image holds {abs(seen.light):.1%} {low_high[1]} light than the recording.",
        ),
        "left": (
            "much of the noise is still in it",
            f"Of the noise's variance, {seen.left:.0%} or more is still in the image.",
        ),
        "structure": (
            f"structure was removed, moved or invented {where}",
            f"Over 1 to 3 pixels the residual {where} has {seen.structure:.1f} times the power of noise.",
        ),
        "invented": (
            "it shows detail that the recording does not bear out",
            f"Detail 1 to 4 pixels wide that the recording does not bear out is strongest around {added}: at least "
            f"{seen.invented:.1f} times as strong as the noise is in such detail.",
        ),
        "bias": (
            "intensities are wrong",
            f"The bias is largest around intensity {seen.bias_intensity:.4g}: {abs(seen.bias):.2f} standard deviations "
            f"of the noise too {'dark' if seen.bias > 0 else 'bright'}.",
        ),
        "excess": (
            "more than noise was removed",
            f"Where it is strongest, the residual has {seen.excess:.1f} times the variance of the noise.",
        ),
        "worst": (
            "something was lost or invented at one place or more",
            f"The residual stands out most at plane {plane}, row {row}, column {column} (counted from 0): by "
            f"{seen.worst:.1f} standard deviations of the noise.",
        ),
    }
    for name, (headline, told) in words.items():
        yield _Finding(level(name, seen), headline, told)


def _correlated(correlation: Autocorrelation, independent: bool) -> Iterator[_Finding]:
    """Say what correlated noise means for the method."""
    if correlation.correlated and independent:
        sentence = (
            "The noise of neighbouring pixels is correlated, so methods that predict a pixel from its neighbours "
            "(blind spots) are not valid here, and the risk on hidden pixels is not an error estimate."
        )
        yield _Finding("amber", "its noise is correlated, and blind-spot methods may keep such noise", sentence)


def _error(risk: Risk | None, correlation: Autocorrelation, independent: bool) -> Iterator[_Finding]:
    """Compare the estimated error with the noise."""
    if risk is None or risk.noise_variance is None or risk.error is None:
        return
    if not risk.second_shot and independent and correlation.correlated:
        return
    share = risk.error / risk.noise_variance
    doubt = 2 * risk.se + (0.0 if risk.second_shot else UNSURE * risk.noise_variance)
    most = max(risk.error + doubt, 0.0) ** 0.5
    relative = most / risk.noise_variance**0.5
    off = f"by {max(risk.error, 0.0) ** 0.5:.2g} in the mean, and at most by {most:.2g}, {relative:.2g} times the noise"
    if risk.second_shot:
        sentence = f"Judged by the second recording, the image is off {off}."
        yield _Finding(rated(share, (0.6, 1.0)), "it is hardly nearer to the object than the recording", sentence)
    elif share < -0.1 and risk.error < -3 * risk.se:
        sentence = "Hidden pixels are predicted better than the noise allows: it is correlated, or weaker than stated."
        yield _Finding("amber", "its noise is not what it was taken for", sentence)
    else:
        sentence = f"On pixels hidden from it, the model is off {off}."
        yield _Finding(rated(share, (1.0, np.inf)), "hidden pixels are predicted worse than recorded ones", sentence)
