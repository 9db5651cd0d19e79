import pytest

from pellucid.cli.options import assignments, exclude
from pellucid.errors import InputError


def test_settings_keep_what_stands_behind_the_first_sign():
    assert assignments(["shape=1x9", "note=a=b"]) == {"shape": "1x9", "note": "a=b"}


@pytest.mark.parametrize("pair", ["depth", "=3", "depth="])
def test_no_settings(pair):
    with pytest.raises(InputError, match="NAME=VALUE"):
        assignments([pair])


def test_a_setting_is_given_once():
    with pytest.raises(InputError, match="twice"):
        assignments(["depth=2", "depth=3"])


def test_options_that_exclude_each_other():
    exclude(("--model", None), ("--method", "auto"))
    exclude(("--model", "m"), ("--pairs", []))
    with pytest.raises(InputError, match="--model and --pairs exclude each other"):
        exclude(("--model", "m"), ("--pairs", ["b"]))
