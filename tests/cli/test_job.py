import errno
import json
import os
import signal
import time
import warnings

import pytest
import torch
import typer

from pellucid.cli.job import PACKAGE, Answer, dumps, perform
from pellucid.errors import InputError

FINE = Answer(facts={"steps": 3}, text="all well")


def ended(task, **how):
    with pytest.raises(typer.Exit) as left:
        perform(task, **{"as_json": False, "verbose": False} | how)
    return left.value.exit_code


def raising(error):
    def task(watch, cancel):
        raise error

    return task


def test_a_green_answer_is_printed_and_ends_with_0(capsys):
    assert ended(lambda watch, cancel: FINE) == 0
    assert capsys.readouterr() == ("all well\n", "")


def test_json_is_the_last_line(capsys):
    assert ended(lambda watch, cancel: FINE, as_json=True) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"steps": 3}


def test_doubt_ends_with_3(capsys):
    assert ended(lambda watch, cancel: Answer(facts={}, text="look first", trusted=False)) == 3


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (InputError("The image is constant."), 2, "error: The image is constant.\n"),
        (OSError(errno.ENOSPC, "No space left on device", "a.tif"), 2, "error: No space left on device: a.tif\n"),
        (
            ZeroDivisionError("division by zero"),
            1,
            "error: pellucid failed unexpectedly: ZeroDivisionError: division by zero; run again with -v for the "
            "details.\n",
        ),
        (KeyboardInterrupt(), 130, "error: cancelled\n"),
    ],
)
def test_errors_are_one_sentence(capsys, error, code, sentence):
    assert ended(raising(error)) == code
    assert capsys.readouterr() == ("", sentence)


@pytest.mark.parametrize("lack", [lambda: torch.empty(10**15), lambda: bytearray(10**15)])
def test_a_lack_of_memory_is_no_defect(capsys, lack):
    assert ended(lambda watch, cancel: lack()) == 1
    assert capsys.readouterr().err.startswith("error: There was not enough memory: use smaller images")


def test_json_tells_errors_too(capsys):
    assert ended(raising(InputError("No image.")), as_json=True) == 2
    out, err = capsys.readouterr()
    assert json.loads(out) == {"error": "No image."}
    assert err == "error: No image.\n"


def test_verbose_shows_where_a_defect_arose(capsys):
    assert ended(raising(ZeroDivisionError("by zero")), verbose=True) == 1
    assert "Traceback" in capsys.readouterr().err


def test_first_interrupt_asks_and_second_ends(capfd):
    before = signal.getsignal(signal.SIGINT)

    def patient(watch, cancel):
        assert not cancel()
        os.kill(os.getpid(), signal.SIGINT)
        while not cancel():
            time.sleep(0.001)
        return FINE

    def stubborn(watch, cancel):
        patient(watch, cancel)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
        raise AssertionError("the second interrupt was ignored")

    assert ended(patient) == 130
    out, err = capfd.readouterr()
    assert out == "all well\n"
    assert "press Ctrl-C again" in err
    assert ended(stubborn) == 130
    assert capfd.readouterr().err.endswith("error: cancelled\n")
    assert signal.getsignal(signal.SIGINT) is before


def test_warnings_are_sentences_and_those_of_libraries_are_kept_back(capsys):
    def task(watch, cancel):
        warnings.warn_explicit("tags are damaged", UserWarning, str(PACKAGE / "data/io/tiff.py"), 1)
        warnings.warn_explicit("overflow", RuntimeWarning, "elsewhere.py", 7)
        return FINE

    assert ended(task) == 0
    assert capsys.readouterr().err == "warning: tags are damaged\n"
    assert ended(task, verbose=True) == 0
    assert "overflow" in capsys.readouterr().err


def test_json_holds_no_nan():
    assert json.loads(dumps({"a": [float("nan"), 1.5, None, True], "b": (2,)})) == {
        "a": [None, 1.5, None, True],
        "b": [2],
    }
