"""The `pellucid` command. No science here, and nothing heavy is imported before a verb runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from pellucid.cli import denoise, look, particles, reconstruct, sample, translate
from pellucid.cli.job import FAILED, WRONG, fail

app = typer.Typer(name="pellucid", add_completion=False, pretty_exceptions_enable=False)
VERBS: tuple[Callable[..., None], ...] = (
    denoise.denoise,
    denoise.train,
    denoise.apply,
    sample.sample,
    reconstruct.reconstruct,
    reconstruct.deconvolve,
    translate.translate,
    particles.particles,
    look.info,
    look.evaluate,
    look.compare,
    look.methods,
    reconstruct.modalities,
    look.doctor,
)
for verb in VERBS:
    app.command(context_settings=reconstruct.ANY_FLAG if verb in reconstruct.VERBS else None)(verb)


def _version(wanted: bool) -> None:
    if wanted:
        import pellucid

        print(f"pellucid {pellucid.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def pellucid(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Restore microscopy images when nobody has a clean reference image.

    Exit codes: 0 done; 1 failed; 2 wrong use or bad input; 3 done, but look at the report first; 130 cancelled.
    """
    if context.invoked_subcommand is None:
        print(context.get_help(), end="")
        raise typer.Exit(WRONG)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit code; wrong use is told in one sentence.

    Parameters
    ----------
    arguments
        Those of the process unless given.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = app(arguments, prog_name="pellucid", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    except Exception as error:
        if not hasattr(error, "format_message"):  # what Typer's errors of use have in common in all its versions
            raise
        fail(error.format_message().replace("Value error, ", ""), "--json" in arguments)
        code = WRONG
    sys.exit(code)
