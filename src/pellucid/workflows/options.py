"""How to denoise: everything but the images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from pellucid.data.image import Image
from pellucid.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a user chooses.

    Parameters
    ----------
    method
        A name from `pellucid.methods.names()`, or ``auto``.
    settings
        Of the method, by name; text is converted to the type in its signature.
    calibration
        An image, or where it lies, that tells a noise model: frames of one scene at rest, or one of a smooth field.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:0``.
    seed
        All randomness follows from it.
    seconds
        Budget for reading, diagnosis and training, together.
    steps
        Steps of each trained candidate, in place of `seconds`: repeatable to the bit on a CPU.
    dims
        2 restores planes, 3 volumes; None chooses.
    repeats
        An axis along which images repeat one still scene, such as ``T``, or ``interleaved`` for a movie whose frames
        show nearly what the next ones show; None where every image is another.
    """

    method: str = "auto"
    settings: Mapping[str, Any] = field(default_factory=dict)
    calibration: Image | Path | str | None = None
    device: str = "auto"
    seed: int = 0
    seconds: float | None = 60.0
    steps: int | None = None
    dims: int | None = None
    repeats: str | None = None

    def place(self) -> torch.device:
        """Return the device.

        Raises
        ------
        InputError
            Where there is no such device.
        """
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = torch.device(self.device)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            raise InputError(f"There is no device {self.device} here; `pellucid doctor` says what there is.") from error
        return device

    def deadline(self, start: float) -> float | None:
        """Return when a budget that began at `start` ends, on the same clock."""
        return None if self.steps is not None or self.seconds is None else start + self.seconds


def duration(text: str | float) -> float:
    """Return the seconds of a duration such as ``60s``, ``10m``, ``1h`` or ``90``.

    Examples
    --------
    >>> duration("10m"), duration(5)
    (600.0, 5.0)
    """
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    plain = str(text).strip().lower()
    scale = units.get(plain[-1:])
    try:
        seconds = float(plain[:-1]) * scale if scale is not None else float(plain)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise InputError(f"A budget is a time such as 60s, 10m or 1h; {text} is not.")
    return seconds


def training_precision(device: torch.device) -> torch.dtype | None:
    """Return the type of activations in training: bfloat16 where the device computes it natively."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else None
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return torch.bfloat16 if device.type == "cpu" and native else None


def applying_precision(device: torch.device) -> torch.dtype | None:
    """Return the type of activations when a model is applied: float16 on a GPU, whose rounding stays invisible."""
    return torch.float16 if device.type == "cuda" else None
