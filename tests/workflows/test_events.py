import time

import pytest

from pellucid.workflows.events import Event, Pace, alive, silent


def test_pace_tells_what_is_left_at_the_pace_so_far(monkeypatch):
    clock = iter([100.0, 110.0, 130.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    pace = Pace()
    assert pace.left(0.25) == pytest.approx(30.0)
    assert pace.left(1.0) == 0.0


def test_pace_says_nothing_before_it_knows():
    assert Pace().left(0.0) is None
    assert Pace().left(0.005) is None


def test_an_event_may_know_no_end():
    event = Event("read", "Reading.")
    assert (event.done, event.seconds_left) == (None, None)
    assert silent(event) is None


def test_work_of_unknown_length_shows_that_it_goes_on():
    told = []
    with alive(told.append, "reconstruct", "Reconstructing", every=0.01):
        time.sleep(0.2)
    count = len(told)
    assert count >= 2
    assert told[0].text.startswith("Reconstructing: ")
    time.sleep(0.05)
    assert len(told) == count
