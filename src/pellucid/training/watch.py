"""What a fit tells those who wait for it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Row = dict[str, float]


@dataclass
class History:
    """The course of a fit.

    Parameters
    ----------
    rows
        At each evaluation: ``step``, ``seconds``, ``progress``, the mean of every term since the last one,
        and ``validation`` where there is one.
    status
        ``done``, ``cancelled``, ``stopped`` (no new best within the patience) or ``diverged`` (a loss that is
        not finite).
    best
        Step of the weights that were kept; -1 where nothing was evaluated.
    """

    rows: list[Row] = field(default_factory=list)
    status: str = "done"
    best: int = -1

    @property
    def steps(self) -> int:
        """Steps done."""
        return int(self.rows[-1]["step"]) if self.rows else 0

    @property
    def seconds(self) -> float:
        """Seconds spent, over all parts of an interrupted run."""
        return self.rows[-1]["seconds"] if self.rows else 0.0

    @property
    def lowest(self) -> float:
        """Lowest validation seen, infinity before the first."""
        return min((row["validation"] for row in self.rows if "validation" in row), default=float("inf"))


def table(rows: Sequence[Mapping[str, float]]) -> str:
    """Return rows as comma-separated values with a header; empty where there are none."""
    text = io.StringIO()
    if names := list(dict.fromkeys(name for row in rows for name in row)):
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


Watch = Callable[[Row], None]
"""Called with each new row, and every second or so with ``step``, ``seconds`` and ``progress`` alone."""
