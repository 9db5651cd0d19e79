"""What a workflow tells those who wait for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def alive(watch: Watch, phase: str, text: str, every: float = 15.0) -> Iterator[None]:
    """Say every so many seconds that work goes on of which nobody knows how long it takes."""
    start, over = time.monotonic(), threading.Event()

    def beat() -> None:
        while not over.wait(every):
            watch(Event(phase, f"{text}: {time.monotonic() - start:.0f} s so far."))

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
