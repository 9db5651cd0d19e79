"""How large a fault must be before the checks see it in a given image: found by planting faults into it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from pellucid.noise import Autocorrelation, PhotonTransfer
from pellucid.trust.symptoms import Symptoms, as_stacks, examine

Array = NDArray[np.float64]
Level = Literal["green", "amber", "red"]

LEVELS: tuple[Level, ...] = ("green", "amber", "red")
LIMITS = {  # where a symptom turns amber, and red: see `judge`
    "structure": (1.5, 3.0),
    "worst": (7.0, 12.0),
    "invented": (0.5, 2.0),
    "left": (0.2, 0.5),
    "excess": (1.8, 3.0),
    "bias": (0.5, 1.0),
    "light": (0.04, 0.1),
}
_PART = 256  # pixels a side of the part that faults are planted into
_SPOTS = 8
_SIZES = (0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)


@dataclass(frozen=True, kw_only=True)
class Limit:
    """The least fault of a kind that the checks see.

    Parameters
    ----------
    fault
        What was planted, in words.
    least
        The smallest size that was seen, or None where even the largest was not.
    largest
        The largest size that was planted.
    unit
        Of the sizes.
    """

    fault: str
    least: float | None
    largest: float
    unit: str

    def __str__(self) -> str:
        if self.least is None:
            return f"{self.fault} not even at {self.largest:.2g} {self.unit}"
        return f"{self.fault} from {self.least:.2g} {self.unit} on"


def rated(size: float, limits: tuple[float, float]) -> Level:
    """Return what a size means that turns amber, and red, at given limits."""
    amber, red = limits
    return "red" if size >= red else "amber" if size >= amber else "green"


def level(symptom: str, seen: Symptoms) -> Level:
    """Return what the size of a symptom means."""
    return rated(abs(getattr(seen, symptom)), LIMITS[symptom])


def detectable(
    noisy: ArrayLike, restored: ArrayLike, *, transfer: PhotonTransfer, correlation: Autocorrelation
) -> tuple[Limit, ...]:
    """Plant faults of growing size into a restored image, and return the least of each kind that the checks see.

    Parameters
    ----------
    noisy, restored, transfer, correlation
        As of `judge`.

    Returns
    -------
    tuple of Limit
        Spots and texture in standard deviations of the noise, shifts and blurs in pixels.

    Notes
    -----
    A fault is seen where a symptom turns amber that was green without it, or red that was amber. It is planted into
    the middle 256 x 256 pixels of the middle plane, eight spots at once, always at the same places, so that equal
    images have equal limits. The least size is looked for by bisection.
    """
    y, x = (_part(stack) for stack in as_stacks(noisy, restored))
    noise = {"transfer": transfer, "correlation": correlation}
    before = examine(y, x, **noise)  # type: ignore[arg-type]

    def seen(image: Array) -> bool:
        after = examine(y, image, **noise)  # type: ignore[arg-type]
        return any(LEVELS.index(level(name, after)) > LEVELS.index(level(name, before)) for name in LIMITS)

    sd = np.sqrt(ndimage.uniform_filter(transfer.variance_at(x), (0, 5, 5)))
    rng = np.random.default_rng(0)
    grain = ndimage.gaussian_filter(rng.standard_normal(x.shape), (0, 1, 1))
    faults: tuple[tuple[str, str, Callable[[float], Array]], ...] = (
        ("spots of 1.5 pixels' width", "standard deviations of the noise", lambda a: x + a * sd * _spots(x, 1.5)),
        ("spots of 3.5 pixels' width", "standard deviations", lambda a: x + a * sd * _spots(x, 3.5)),
        ("even texture", "standard deviations", lambda a: x + a * sd * grain / grain.std()),
        ("shifts", "pixels", lambda a: ndimage.shift(x, (0, a, 0), order=1, mode="nearest")),
        ("a blur", "pixels", lambda a: ndimage.gaussian_filter(x, (0, a, a))),
    )
    return tuple(
        Limit(fault=name, least=_least(lambda a, plant=plant: seen(plant(a))), largest=_SIZES[-1], unit=unit)  # type: ignore[misc]
        for name, unit, plant in faults
    )


def unseen(limits: Sequence[Limit], sd: float) -> str:
    """Say what the checks could have missed; `sd` is the standard deviation of the noise in recorded units."""
    return (
        f"Faults smaller than these, which were planted into this image and looked for: {'; '.join(map(str, limits))}. "
        f"One standard deviation of the noise is {sd:.3g} here."
    )


def _least(seen: Callable[[float], bool]) -> float | None:
    """Return the smallest size that is seen."""
    low, high = 0, len(_SIZES)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if seen(_SIZES[middle]) else (middle + 1, high)
    return _SIZES[low] if low < len(_SIZES) else None


def _spots(like: Array, width: float) -> Array:
    """Return spots of height one, at places that depend on the shape alone."""
    rng, peaks = np.random.default_rng(1), np.zeros(like.shape)
    rows, columns = (rng.integers(0, n, _SPOTS) for n in like.shape[1:])
    peaks[0, rows, columns] = 1
    spots: Array = ndimage.gaussian_filter(peaks, (0, width, width), mode="constant")
    return spots * 2 * np.pi * width**2


def _part(stack: Array) -> Array:
    """Return the middle of the middle plane, (1, row, column)."""
    plane = len(stack) // 2
    middle = [slice((n - min(n, _PART)) // 2, (n + min(n, _PART)) // 2) for n in stack.shape[1:]]
    return stack[plane : plane + 1, *middle]
