import io

import pytest

from pellucid.cli import progress
from pellucid.workflows.events import Event


def test_lines_are_few(capsys, monkeypatch):
    clock = iter([0, 0, 1, 11, 12, 13])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    lines = progress.Lines()
    lines(Event("read", "reading cells.tif"))
    lines(Event("read", "axes YX"))  # a note
    lines(Event("train a", "training a", 0.1, 50.0))
    lines(Event("train a", "training a", 0.2, 40.0))  # 10 s later: said
    lines(Event("train a", "training a", 0.3, 39.0))  # 1 s later: not said
    lines(Event("rank", "ranking"))
    assert capsys.readouterr().err.splitlines() == [
        "reading cells.tif",
        "axes YX",
        "training a (10%, 50 s left)",
        "training a (20%, 40 s left)",
        "ranking",
    ]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stream", "kind"), [(Terminal(), progress.Bar), (io.StringIO(), progress.Lines)])
def test_a_terminal_gets_a_bar(monkeypatch, stream, kind):
    monkeypatch.setattr(progress.sys, "stderr", stream)
    assert type(progress.shown()) is kind


def test_the_bar_says_the_time_left_and_vanishes(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(progress.sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    bar = progress.shown()
    bar(Event("read", "axes [YX]"))
    bar(Event("train a", "training [a]", 0.25, 95.0))
    bar.close()
    text = terminal.getvalue()
    assert "\x1b[2Kaxes [YX]\n" in text
    assert "training [a]" in text
    assert "25%, 1 min 35 s left" in text
    assert text.endswith("\x1b[2K")  # the line is erased
