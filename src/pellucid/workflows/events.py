"""What a workflow tells those who wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """A sign of life.

    Parameters
    ----------
    phase
        ``read``, ``diagnose``, ``train NAME``, ``rank``, ``apply``, ``write`` or ``report``.
    text
        A plain sentence.
    done
        Part of the phase that is done, from 0 to 1, or None.
    seconds_left
        Until the phase ends, or None.
    """

    phase: str
    text: str
    done: float | None = None
    seconds_left: float | None = None


Watch = Callable[[Event], None]


def silent(event: Event) -> None:
    """Tell nobody."""


class Pace:
    """Turns the part that is done into the time that is left."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def left(self, done: float) -> float | None:
        """Return the seconds that the rest takes at the pace so far."""
        return (time.monotonic() - self._start) * (1 - done) / done if done > 0.01 else None
