import csv
import io
import math

from pellucid.training import History
from pellucid.training.watch import table

ROWS = [
    {"step": 10.0, "seconds": 1.5, "progress": 0.5, "held_out": 0.25, "validation": 0.4},
    {"step": 20.0, "seconds": 3.0, "progress": 1.0, "held_out": 0.125},
]


def test_a_history_knows_its_end_and_its_best():
    history = History(rows=ROWS)
    assert (history.steps, history.seconds, history.lowest) == (20, 3.0, 0.4)
    empty = History()
    assert (empty.steps, empty.seconds, empty.lowest, empty.status, empty.best) == (0, 0.0, math.inf, "done", -1)


def test_the_table_holds_every_number_and_gaps_where_there_is_none():
    read = list(csv.DictReader(io.StringIO(table(ROWS))))
    assert list(read[0]) == ["step", "seconds", "progress", "held_out", "validation"]
    numbers = [{name: float(text) for name, text in row.items() if text} for row in read]
    assert numbers == ROWS
