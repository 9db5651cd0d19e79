"""Whether an image explains what was measured: all that the data alone can say of a reconstruction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.restoration import Restoration


@dataclass(frozen=True, kw_only=True)
class Consistency:
    """How much of the data a reconstruction leaves unexplained.

    Parameters
    ----------
    residual
        ||y − H x|| / ||y||.
    chi_square
        Mean of (y − H x)² over the variance of the noise; None where the noise is not known.
    fitted
        Whether the image was looked for that explains the data; a back-projection does not look at its residual.
    """

    residual: float
    chi_square: float | None
    fitted: bool = True

    @property
    def level(self) -> Literal["green", "amber"] | None:
        """Whether the residual is that of the noise; None where the noise is not known, or nothing was fitted."""
        if self.chi_square is None or not self.fitted:
            return None
        return "green" if 0.5 <= self.chi_square <= 1.5 else "amber"

    @property
    def sentence(self) -> str:
        """The finding in words."""
        told = (
            f"The image leaves {self.residual:.3g} of the data unexplained (norm of the residual over that of the data)"
        )
        if self.chi_square is None:
            return f"{told}; what the noise alone would leave is not known."
        if not self.fitted:
            return f"{told}, {self.chi_square:.3g} times the power of the noise; this method does not fit the data."
        if self.chi_square > 1.5:
            left = f"{self.chi_square:.3g} times the power of the noise"
            return f"{told}, {left}: signal is left in it, or the geometry is wrong."
        if self.chi_square < 0.5:
            return f"{told}, only {self.chi_square:.3g} times the power of the noise: noise is in the image."
        return f"{told}, which is what the noise leaves ({self.chi_square:.3g} times its power)."

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers by name."""
        return {"residual": self.residual, "chi_square": self.chi_square}


def consistency(measurement: Measurement, restoration: Restoration, *, fitted: bool = True) -> Consistency:
    """Compare what an image explains through H with what was measured.

    A small residual does not make an image right: what H does not see may be anything. A large one makes it wrong.

    Parameters
    ----------
    measurement
        y, H and, where it is known, the noise; entries of weight zero do not count.
    restoration
        The image, with its residual y − H x.
    fitted
        As of `Consistency`.
    """
    counts: Tensor | float = (
        1.0 if measurement.weight is None else (measurement.weight > 0).to(measurement.y.real.dtype)
    )
    squared, power = ((part.abs().square() * counts).sum() for part in (restoration.residual, measurement.y))
    chi_square = None
    if measurement.noise is not None:
        variance = measurement.noise.variance(measurement.y - restoration.residual)
        ratio = restoration.residual.abs().square() / variance * counts
        chi_square = float(ratio.mean() if measurement.weight is None else ratio.sum() / counts.expand_as(ratio).sum())  # type: ignore[union-attr]
    residual = float((squared / power.clamp(min=1e-300)).sqrt())
    return Consistency(residual=residual, chi_square=chi_square, fitted=fitted)
