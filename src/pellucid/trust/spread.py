"""Whether a stated uncertainty is right: intervals of hidden pixels, of a second recording, or of the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.data.prepare.standardise import Standardisation
from pellucid.data.splits import Reserved, Split
from pellucid.metrics.reference import as_array
from pellucid.restorers.base import Restorer
from pellucid.trust.risk import UNSURE, Risk, image_of, standardised

Array = NDArray[np.float64]

LEVEL = 0.9  # part of the pixels that an interval is to hold
WIDTH = 1.6448536269514722  # its half-width in standard deviations of a normal variable
_LEAST = 100  # pixels
_ROUNDS = 5  # of reweighting


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """By how much a claimed standard deviation is to be multiplied, and how often its intervals then hold.

    Parameters
    ----------
    factor
        Of the standard deviation that is claimed before the pixel itself is seen.
    low, high
        Between which the factor lies: two standard errors each way.
    before, after
        Part of the reporting pixels within their 90 % interval, with the claimed spread and with the calibrated one;
        None where no pixel was hidden.
    pixels
        How many reported.
    noise
        By how much the variance of the noise is to be multiplied; one where that was not asked.
    """

    factor: float
    low: float
    high: float
    before: float | None
    after: float | None
    pixels: int
    noise: float = 1.0

    @property
    def se(self) -> float:
        """Standard error of a coverage near 90 %."""
        return float(np.sqrt(LEVEL * (1 - LEVEL) / self.pixels))

    @property
    def applied(self) -> float:
        """The factor where it is surely above one, or else one.

        A spread is never made smaller: noise that was taken for too strong looks like a spread that is too large.
        """
        return self.factor if self.low > 1 else 1.0

    @property
    def sentence(self) -> str:
        """The finding in words."""
        between = f"between {self.low:.2g} and {self.high:.2g} times what is claimed"
        told = f"The spread was multiplied by {self.factor:.2g}: it is {between}"
        if self.applied == 1:
            told = f"The spread is {between}, by what can be told, and was left as it is"
        if self.before is None or self.after is None:
            return f"{told}. This compares it with the error that the risk estimates; no interval was checked."
        return (
            f"{told}. Of {self.pixels} hidden pixels, {self.before:.1%} lay within their 90 % interval as claimed, and "
            f"{self.after:.1%} (± {self.se:.1%}) within that of the best factor."
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers by name."""
        interval = {"low": self.low, "high": self.high, "pixels": self.pixels, "noise_factor": self.noise}
        return {"factor": self.factor, "coverage_claimed": self.before, "coverage": self.after} | interval


def calibrate(
    prior: Restorer,
    split: Split,
    measurement: Measurement,
    places: tuple[Tensor, Tensor],
    standardisation: Standardisation,
    *,
    rng: torch.Generator,
) -> Calibration | None:
    """Scale a prior N(mu, v) until it explains how far hidden pixels are from their prediction.

    A hidden pixel is y ~ N(mu, c² v + a s²), with c what the claimed spread and a what the stated noise variance are to
    be multiplied by. So E (y − mu)² = c² v + a s², with the variance 2 (c² v + a s²)²: a and c² are fitted to the
    ranking pixels by least squares with these weights, given a = 1 ± 0.05 from the diagnosis of the noise. Coverage is
    the part of the reporting pixels with |y − mu| ≤ 1.645 sqrt(c² v + a s²).

    Parameters
    ----------
    prior
        Explains hidden pixels by mean and variance, in the units of `standardisation`.
    split
        How it was given and held data in training.
    measurement
        Recorded data, (batch, channel, *space), with its noise model.
    places
        Flat places that were never a training target, (batch, channel, count): those that rank, those that report.
    standardisation, rng
        As of `held_out_risk`.

    Returns
    -------
    Calibration or None
        None where the prior states no variance, the noise is not known, or fewer than 100 pixels rank or report.

    Notes
    -----
    A constant that is missing in v looks like noise: only where v varies do hidden pixels tell the two apart, and where
    v is small beside s² they say little of it. `low` and `high` are far apart then. The factor is one for all
    intensities together.

    References
    ----------
    Laine, Karras, Lehtinen, Aila, "High-quality self-supervised deep image denoising", NeurIPS 2019: the predictive law
    of a hidden pixel.
    """
    found = [_hidden(prior, split, measurement, some, standardisation, rng) for some in places]
    if found[0] is None or found[1] is None:
        return None
    ranking, reporting = found[0], found[1]
    pixels = len(reporting[0])
    if min(len(ranking[0]), pixels) < _LEAST:
        return None
    noise, square, se = _fitted(*ranking)
    residual, v, variance = reporting
    low, factor, high = (max(square + d, 0.0) ** 0.5 for d in (-2 * se, 0.0, 2 * se))
    return Calibration(
        factor=factor,
        low=low,
        high=high,
        before=covered(residual, v + variance),
        after=covered(residual, factor**2 * v + noise * variance),
        pixels=pixels,
        noise=noise,
    )


def by_error(risk: Risk) -> Calibration | None:
    """Compare a spread with the error that Stein's risk estimates: factor² = E(x_hat − x)² / E spread².

    Parameters
    ----------
    risk
        Of the restored image on pixels that were never a target, with the spread that it claims there.

    Returns
    -------
    Calibration or None
        Without coverage: no interval of a pixel that was seen can be checked. None where nothing is known or claimed.
    """
    if risk.error is None or risk.noise_variance is None or risk.pixels is None or not risk.spread:
        return None
    doubt = 2 * risk.se + UNSURE * risk.noise_variance
    factor, low, high = (max(risk.error + d, 0.0) ** 0.5 / risk.spread for d in (0.0, -doubt, doubt))
    return Calibration(factor=factor, low=low, high=high, before=None, after=None, pixels=risk.pixels)


def calibrated(spread: ArrayLike, noise_variance: ArrayLike, factor: float) -> Array:
    """Return the spread of a posterior mean whose prior variance is c² v in place of v.

    The weights of x_hat stay those of v. With ρ = spread² / s² = v / (v + s²), the weight of the seen pixel,

        E(x_hat − x)² = (1 − ρ)² c² v + ρ² s² = spread² (ρ + c² (1 − ρ)).

    Parameters
    ----------
    spread, noise_variance
        What is claimed, and s², of one shape and in one unit.
    factor
        c, from `calibrate`.

    Examples
    --------
    >>> calibrated([1.0, 1.0], [1.0, 1e6], 2.0).round(3).tolist()
    [1.0, 2.0]
    """
    claimed = as_array(spread)
    seen = np.clip(claimed**2 / as_array(noise_variance), 0.0, 1.0)
    scaled: Array = claimed * np.sqrt(seen + factor**2 * (1 - seen))
    return scaled


def covered(difference: ArrayLike, variance: ArrayLike) -> float:
    """Return the part of the differences that lies within the 90 % interval of its normal law.

    Differences are those of an image and the truth (variance: spread²), or of an image and a second recording
    (spread² + s², since its noise is its own).
    """
    return float(np.mean(as_array(difference) ** 2 <= WIDTH**2 * as_array(variance)))


def _fitted(residual: Array, v: Array, noise: Array) -> tuple[float, float, float]:
    """Return a, c² and the standard error of c² of E residual² = a noise + c² v, by reweighted least squares."""
    parts = np.stack([noise, v])
    solution = np.ones(2)
    for _ in range(_ROUNDS):
        weight = 0.5 / (np.maximum(solution, 0.0) @ parts + 1e-3 * noise) ** 2
        normal, right = (parts * weight) @ parts.T, (parts * weight) @ residual**2
        normal[0, 0] += UNSURE**-2
        right[0] += UNSURE**-2
        covariance = np.linalg.inv(normal)
        solution = covariance @ right
    return float(max(solution[0], 0.0)), float(max(solution[1], 0.0)), float(covariance[1, 1] ** 0.5)


def _hidden(
    prior: Restorer,
    split: Split,
    measurement: Measurement,
    places: Tensor,
    standardisation: Standardisation,
    rng: torch.Generator,
) -> tuple[Array, Array, Array] | None:
    """Return y − mu, v and s² of hidden pixels in the units of the model, or None where one of them is not known."""
    parts = []
    for i in range(len(measurement.y)):
        one = standardised(image_of(measurement, i), standardisation)
        given, held = Reserved(split, places[i : i + 1])(one, rng)
        with torch.no_grad():
            moments = prior.explain(given, rng).float()
        if moments.shape[1] != 2 or held.noise is None or held.weight is None:
            return None
        mean, variance = moments.unbind(1)
        at = held.weight.expand_as(held.y) > 0
        parts.append([as_array(t[at]) for t in (held.y - mean, variance, held.noise.variance(mean))])
    residual, v, noise = (np.concatenate(part) for part in zip(*parts, strict=True))
    return residual, v, noise
