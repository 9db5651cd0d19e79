"""From floating-point numbers back to the type of the input."""

from __future__ import annotations

from typing import Any

import numpy as np


def to_dtype(block: Any, dtype: Any) -> np.ndarray[Any, Any]:
    """Convert numbers; into an integer type they are rounded (half to even) and clipped to its range.

    Examples
    --------
    >>> to_dtype(np.array([-3.2, 7.6, 300.0]), "uint8")
    array([  0,   8, 255], dtype=uint8)
    """
    values, target = np.asarray(block), np.dtype(dtype)
    if target.kind not in "iu" or values.dtype.kind not in "f":
        return values.astype(target)
    info = np.iinfo(target)
    return np.clip(np.rint(values.astype(np.float64)), info.min, info.max).astype(target)
