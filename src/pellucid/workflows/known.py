"""What a file or a model says of how it was made, read with care: anybody may have written it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.methods import card, names
from pellucid.trust import Calibration, Risk


def known_risk(provenance: Mapping[str, Any], channel: int) -> Risk | None:
    """Return the held-out risk that a file or a model was given when it was made, or None.

    Examples
    --------
    >>> known_risk({"risk": [4.0], "risk_se": [0.1], "noise_variance": [3.0]}, 0).error
    1.0
    >>> known_risk({"software": "another"}, 0) is None
    True
    """
    mean, se, noise = (_entry(provenance, key, channel) for key in ("risk", "risk_se", "noise_variance"))
    known = all(isinstance(value, int | float) and np.isfinite(value) for value in (mean, se, noise))
    return Risk(mean=mean, se=se, noise_variance=noise) if known else None


def known_spread(provenance: Mapping[str, Any], channel: int) -> Calibration | None:
    """Return how the spread was calibrated when a file or a model was made, or None."""
    entry = _entry(provenance, "spread", channel)
    if not isinstance(entry, Mapping):
        return None
    factor, low, high, pixels = (entry.get(key) for key in ("factor", "low", "high", "pixels"))
    before, after = (entry.get(key) for key in ("coverage_claimed", "coverage"))
    hidden = () if before is None and after is None else (before, after)
    if not all(isinstance(value, int | float) for value in (factor, low, high, pixels, *hidden)):
        return None
    return Calibration(factor=factor, low=low, high=high, before=before, after=after, pixels=max(int(pixels), 1))  # type: ignore[arg-type]


def relies_on_independence(provenance: Mapping[str, Any], channel: int) -> bool:
    """Whether the method relies on independent noise; taken for granted where the method is unknown."""
    method = _entry(provenance, "method", channel)
    return card(method).independent if method in names() else True


def _entry(provenance: Mapping[str, Any], key: str, channel: int) -> Any:
    entries = provenance.get(key)
    return entries[channel] if isinstance(entries, list | tuple) and channel < len(entries) else None
