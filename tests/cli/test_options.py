import pytest
import typer

from pellucid.cli.options import assignments, exclude, seconds


@pytest.mark.parametrize(("text", "value"), [("60s", 60), ("10m", 600), ("1h", 3600), ("90", 90), ("1.5h", 5400)])
def test_durations(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "s", "60x", "-5", "0", "1m30s", "nan", "inf", "1e999h", "ten"])
def test_no_durations(text):
    with pytest.raises(typer.BadParameter, match="write 60s, 10m, 1h"):
        seconds(text)


def test_settings_keep_what_stands_behind_the_first_sign():
    assert assignments(["shape=1x9", "note=a=b"]) == {"shape": "1x9", "note": "a=b"}


@pytest.mark.parametrize("pair", ["depth", "=3", "depth="])
def test_no_settings(pair):
    with pytest.raises(typer.BadParameter, match="NAME=VALUE"):
        assignments([pair])


def test_a_setting_is_given_once():
    with pytest.raises(typer.BadParameter, match="twice"):
        assignments(["depth=2", "depth=3"])


def test_options_that_exclude_each_other():
    exclude(("--model", None), ("--method", "auto"))
    exclude(("--model", "m"), ("--pairs", []))
    with pytest.raises(typer.BadParameter, match="--model and --pairs exclude each other"):
        exclude(("--model", "m"), ("--pairs", ["b"]))
