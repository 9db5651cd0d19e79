import subprocess
import sys

import pytest

import pellucid


def test_version(command):
    assert command("--version").out == f"pellucid {pellucid.__version__}\n"


def test_alone_it_shows_the_help(command):
    ran = command()
    assert ran.code == 2
    assert all(verb in ran.out for verb in ("denoise", "train", "apply", "info", "evaluate", "methods", "doctor"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["denoice"], "No such command 'denoice'"),
        (["denoise"], "Missing argument 'INPUT'"),
        (["denoise", "a.tif", "--fast"], "No such option: --fast"),
        (["denoise", "a.tif", "--budget", "10x"], "a time such as 60s, 10m or 1h; 10x is not"),
        (["denoise", "a.tif", "--budget", "10", "--steps", "3"], "--budget and --steps exclude each other"),
        (["train", "a.tif", "-o", "m", "--budget", "10", "--steps", "3"], "--budget and --steps exclude each other"),
        (["denoise", "a.tif", "--model", "m", "--method", "noise2void"], "--model and --method exclude each other"),
        (["denoise", "a.tif", "--each", "--save-model", "m"], "--each and --save-model exclude each other"),
        (["denoise", "a.tif", "--steps", "0"], "Invalid value for '--steps'"),
        (["denoise", "a.tif", "--set", "depth"], "'depth' is no setting: write --set NAME=VALUE"),
        (["denoise", "a.tif", "--dtype", "int8"], "Invalid value for '--dtype'"),
        (["denoise", "a.tif", "--dims", "4"], "Invalid value for '--dims'"),
        (["train", "a.tif"], "Missing option '--output'"),
        (["evaluate", "a.tif"], "Missing option '--noisy'"),
    ],
)
def test_wrong_use_is_one_sentence(command, arguments, sentence):
    ran = command(*arguments, "--json")
    assert ran.code == 2
    assert sentence in ran.err
    assert len(ran.err.splitlines()) == 1
    assert ran.facts == {"error": ran.err.removeprefix("error: ").strip()}


def test_a_reader_that_leaves_early_is_no_defect():
    code = "from pellucid.cli import main; main(['--version'])"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 1
