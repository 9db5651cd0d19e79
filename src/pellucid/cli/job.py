"""Runs one verb: progress, Ctrl-C, warnings, the last line of JSON, and the exit code."""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import typer

from pellucid.cli.progress import shown
from pellucid.errors import InputError
from pellucid.workflows.events import Watch

DONE, FAILED, WRONG, DOUBTED, CANCELLED = 0, 1, 2, 3, 130
_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")  # in the words of PyTorch
PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a verb found.

    Parameters
    ----------
    facts
        For ``--json``.
    text
        The same for people.
    trusted
        Whether every verdict is green.
    """

    facts: Any
    text: str
    trusted: bool = True


Cancel = Callable[[], bool]
Task = Callable[[Watch, Cancel], Answer]


def perform(task: Task, *, as_json: bool, verbose: bool, resumable: bool = True) -> NoReturn:
    """Run a task, print its answer, and end the verb with the exit code.

    Parameters
    ----------
    task
        Takes `watch`, which shows progress, and `cancel`, which is true once Ctrl-C was pressed.
    as_json
        Print the facts on one line instead of the text.
    verbose
        Show the warnings of libraries, and the traceback of a defect.
    resumable
        Whether the task looks at `cancel`, and ends well; the first Ctrl-C interrupts one that does not.

    Raises
    ------
    typer.Exit
        With 0 (done), 1 (failed), 2 (bad input), 3 (done, with doubts) or 130 (cancelled).
    """
    with _warnings(verbose), _interrupts(resumable) as stop:
        try:
            with closing(shown()) as watch:
                answer = task(watch, stop.is_set)
        except KeyboardInterrupt as error:
            fail(str(error) or "cancelled", as_json)
            raise typer.Exit(CANCELLED) from None
        except Exception as error:
            if verbose:
                traceback.print_exc()
            mendable = isinstance(error, InputError | OSError)
            fail(_sentence(error), as_json)
            raise typer.Exit(WRONG if mendable else FAILED) from None
    print(dumps(answer.facts) if as_json else answer.text, flush=True)
    raise typer.Exit(CANCELLED if stop.is_set() else DONE if answer.trusted else DOUBTED)


def fail(sentence: str, as_json: bool) -> None:
    """Say what is wrong on standard error, and as JSON on standard output where that was asked for."""
    print(f"error: {sentence}", file=sys.stderr, flush=True)
    if as_json:
        print(dumps({"error": sentence}), flush=True)


def dumps(facts: Any) -> str:
    """Write facts as one line of JSON; a number that is not finite becomes null.

    Examples
    --------
    >>> dumps({"output": Path("a.tif"), "risk": float("nan")})
    '{"output": "a.tif", "risk": null}'
    """
    return json.dumps(_plain(facts), allow_nan=False, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool | None) else str(value)


def _sentence(error: Exception) -> str:
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror or error}{where}"
    said = " ".join(str(error).split())
    if isinstance(error, MemoryError) or any(sign in said for sign in _MEMORY):
        return "There was not enough memory: use smaller images, smaller settings of the method, or another --device."
    return f"pellucid failed unexpectedly: {type(error).__name__}: {said}; run again with -v for the details."


@contextmanager
def _interrupts(resumable: bool) -> Iterator[threading.Event]:
    """Let the first Ctrl-C ask for an end, and the second one make it."""
    stop = threading.Event()
    if not resumable:
        yield stop
        return

    def ask(number: int, frame: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.write(2, b"\nstopping: the best so far is kept; press Ctrl-C again to end at once\n")  # safe in a handler

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _warnings(verbose: bool) -> Iterator[None]:
    """Show the warnings of Pellucid as plain sentences, and those of libraries only on request."""

    def show(message: Any, category: type[Warning], filename: str, lineno: int, *rest: object) -> None:
        ours = category is UserWarning and Path(filename).is_relative_to(PACKAGE)
        if ours or verbose:
            print(f"warning: {message}" if ours else f"warning of {filename}:{lineno}: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = show  # type: ignore[assignment]
        yield
