"""Asking for help is instant: it loads no numerics."""

import json
import subprocess
import sys

import pytest
import typer

HEAVY = {"torch", "scipy", "skimage", "matplotlib"}
LIMIT = 0.5  # seconds of processor time, which other load on the machine hardly changes
MEASURE = """
import json, sys, time
{statement}
print(json.dumps([time.process_time(), sorted(sys.modules)]))
"""
HELP = """
from pellucid.cli import main
sys.argv = {argv!r}
try:
    main()
except SystemExit as end:
    assert end.code in (0, None), end.code
"""


def run(statement: str) -> tuple[float, set[str]]:
    """Return the processor time and the loaded modules of a fresh Python that runs `statement`."""
    code = MEASURE.format(statement=statement)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, modules = json.loads(done.stdout.splitlines()[-1])
    return seconds, set(modules)


def assert_light(statement: str) -> None:
    best = float("inf")
    for _ in range(3):
        seconds, modules = run(statement)
        assert modules & HEAVY == set()
        best = min(best, seconds)
        if best < LIMIT:
            return
    pytest.fail(f"{best:.2f} s, expected less than {LIMIT} s")


def help_of(command, words=("pellucid",)):
    """Yield the command line that asks for help, of a command and all its subcommands."""
    yield [*words, "--help"]
    for name, inner in getattr(command, "commands", {}).items():
        yield from help_of(inner, (*words, name))


def test_import_is_light():
    assert_light("import pellucid")


def test_help_is_light():
    from pellucid.cli import app

    lines = list(help_of(typer.main.get_command(app)))
    assert ["pellucid", "denoise", "--help"] in lines
    for argv in lines:
        assert_light(HELP.format(argv=argv))


def test_a_heavy_import_is_seen():
    assert run("import scipy")[1] & HEAVY == {"scipy"}
