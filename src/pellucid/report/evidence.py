"""What the page shows, as plain arrays, numbers and strings: any workflow can fill it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.trust import Verdict as Verdict

Values = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """One plane before and after, in the units of the input.

    Parameters
    ----------
    noisy, restored
        Recorded and restored plane, shape (row, column).
    spread
        Standard deviation that is claimed for the restored plane, shape (row, column), or None.
    unsupported
        Least strength of detail that the recording does not bear out, in standard deviations of the noise in such
        detail, shape (row, column), or None.
    plane
        Which plane of the file this is, such as ``"T 3 of 12, Z 5 of 9"``; empty where there is only one.
    pixel_size
        Width of a pixel in `unit`, or None where the file does not say.
    unit
        Unit of `pixel_size` as it is printed.
    """

    noisy: Values
    restored: Values
    spread: Values | None = None
    unsupported: Values | None = None
    plane: str = ""
    pixel_size: float | None = None
    unit: str = "µm"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a spread is, and what is known of whether it is right.

    Parameters
    ----------
    name
        Such as ``"Posterior standard deviation"``, or ``"Disagreement"`` where several answers were compared.
    sentences
        What was found when it was checked.
    """

    name: str = "Posterior standard deviation"
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """Photon transfer: how the noise variance grows with intensity.

    Parameters
    ----------
    intensity, variance
        Measured points in input units and input units squared, shape (point,).
    fitted
        Variance of the fitted model at `intensity`, shape (point,).
    """

    intensity: Values
    variance: Values
    fitted: Values


@dataclass(frozen=True, kw_only=True)
class Noise:
    """The noise as it was measured in the recorded image, in input units.

    Parameters
    ----------
    model
        Name of the fitted model.
    gain, offset, sigma
        Variance at intensity z is ``gain * (z - offset) + sigma**2``; None: not in the model.
    lag1
        Correlation of the noise of neighbouring pixels along Y and along X.
    correlated
        Whether that correlation makes hidden pixels predictable from the noise of their neighbours.
    transfer
        The points behind the fit, or None.
    """

    model: str
    gain: float | None
    offset: float | None
    sigma: float | None
    lag1: tuple[float, float]
    correlated: bool
    transfer: Transfer | None = None


@dataclass(frozen=True, kw_only=True)
class Residual:
    """Spatial autocorrelation of noisy minus restored.

    Parameters
    ----------
    autocorrelation
        Normalised to 1 at its centre, shape (2r+1, 2r+1), lags along Y and X.
    count
        Number of pixels it was averaged over.
    """

    autocorrelation: Values
    count: int

    @property
    def lag1(self) -> tuple[float, float]:
        """Correlation of neighbouring pixels along Y and along X."""
        centre = self.autocorrelation.shape[0] // 2
        along_y, along_x = self.autocorrelation[centre + 1, centre], self.autocorrelation[centre, centre + 1]
        return float(along_y), float(along_x)

    @property
    def bound(self) -> float:
        """Half-width of the 95 % interval of white noise: 1.96 / sqrt(count) (Bartlett, 1946)."""
        return 1.96 / float(np.sqrt(self.count))


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One method that was tried: its risk on pixels that were hidden from it, and what it cost."""

    method: str
    risk: float
    risk_se: float
    seconds: float
    chosen: bool = False


@dataclass(frozen=True, kw_only=True)
class Learning:
    """How training went; `at` and `held_at` count `unit`.

    Parameters
    ----------
    at, loss
        When the training loss was logged, and its value, shape (entry,).
    held_at, held
        When the risk on held-out pixels was measured, and its value, shape (check,).
    unit
        ``"steps"`` or ``"seconds"``.
    """

    at: Values
    loss: Values
    held_at: Values
    held: Values
    unit: str = "steps"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """How the method was chosen and trained, and what the truth says of it where there is a truth.

    Parameters
    ----------
    candidates
        The methods tried.
    learning
        The training of the chosen method, or None where nothing was trained.
    truth
        Metrics against a clean reference by name, or None where there is no reference.
    """

    candidates: tuple[Candidate, ...] = ()
    learning: Learning | None = None
    truth: Mapping[str, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that `page` shows.

    Parameters
    ----------
    title
        Name of the restored file.
    verdict, pictures, noise, residual, choice
        The parts of the page; `noise` and `residual` are None where nothing was measured.
    claim
        What the spread is.
    notes
        What the numbers of risk and residual mean, one sentence each.
    provenance
        What repeats the result: the entry ``command`` is printed as a command, every other entry as a row.
    """

    title: str
    verdict: Verdict
    pictures: Pictures
    noise: Noise | None = None
    residual: Residual | None = None
    choice: Choice = field(default_factory=Choice)
    claim: Claim = field(default_factory=Claim)
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)
