"""Says how far a job is: a bar on a terminal, plain lines elsewhere; always on standard error."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from pellucid.workflows.events import Event

if TYPE_CHECKING:
    from rich.progress import Progress

QUIET = 10.0  # seconds between plain lines of one phase


def duration(seconds: float) -> str:
    """Write a time as people say it.

    Examples
    --------
    >>> duration(8.4), duration(95), duration(7300)
    ('8 s', '1 min 35 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def left(event: Event) -> str:
    """Say how far an event is, and how long the rest takes."""
    parts = [f"{event.done:.0%}"] if event.done is not None else []
    parts += [f"{duration(event.seconds_left)} left"] if event.seconds_left is not None else []
    return ", ".join(parts)


class Lines:
    """Prints each note, and how far a phase is: at its start, and every ten seconds after that."""

    def __init__(self) -> None:
        self.phase, self.printed = "", 0.0

    def __call__(self, event: Event) -> None:
        """Print the event, or skip it; one without a part that is done is a note."""
        now = time.monotonic()
        if event.done is not None:
            if event.phase == self.phase and now - self.printed < QUIET:
                return
            self.phase, self.printed = event.phase, now
        far = left(event)
        print(event.text + (f" ({far})" if far else ""), file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing to clear away."""


class Bar:
    """Prints each note, and below them one line that moves and is gone at the end."""

    def __init__(self) -> None:
        self.progress: Progress | None = None

    def __call__(self, event: Event) -> None:
        """Print a note, or move the bar."""
        if self.progress is None:
            self.progress = _started()
        text = event.text
        if event.done is None:
            self.progress.console.print(text, markup=False, highlight=False)
            text = "..."
        (task,) = self.progress.task_ids
        self.progress.update(task, description=text, completed=event.done or 0.0, left=left(event))

    def close(self) -> None:
        """Clear the line."""
        if self.progress is not None:
            self.progress.stop()


def _started() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[left]}", markup=False),
    )
    progress = Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4)
    progress.add_task("", total=1.0, left="")
    progress.start()
    return progress


def shown() -> Lines | Bar:
    """Return what suits standard error."""
    return Bar() if sys.stderr.isatty() else Lines()
