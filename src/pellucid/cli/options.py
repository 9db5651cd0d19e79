"""The options that several verbs share, and how their text is read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pellucid.errors import InputError


def assignments(pairs: list[str]) -> dict[str, str]:
    """Read ``NAME=VALUE`` settings.

    Examples
    --------
    >>> assignments(["depth=3", "variance=true"])
    {'depth': '3', 'variance': 'true'}
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not (name and equals and value):
            raise InputError(f"{pair!r} is no setting: write --set NAME=VALUE, such as --set depth=3.")
        if name in found:
            raise InputError(f"--set {name} is given twice: give it once.")
        found[name] = value
    return found


def exclude(first: tuple[str, Any], *others: tuple[str, Any]) -> None:
    """Refuse an option beside others that it rules out; each is a (name, value), and is given where it is true."""
    for name, given in others if first[1] else ():
        if given:
            raise InputError(f"{first[0]} and {name} exclude each other: give one of them.")


Given = dict[str, Any]
Inputs = Annotated[
    list[Path], typer.Argument(metavar="INPUT", help="Images, folders of images, or patterns in quotes.")
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="File or folder of the result.", show_default="INPUT_denoised beside the input"
    ),
]
Axes = Annotated[
    str | None,
    typer.Option(help="What each axis is, out of STCZYX, such as TYX, where the file does not say.", metavar="AXES"),
]
Channel = Annotated[str | None, typer.Option(help="Number (from 0) or name of the one channel to use.")]
Method = Annotated[str, typer.Option(help="auto, or a name out of `pellucid methods`.", metavar="auto|NAME")]
Settings = Annotated[
    list[str], typer.Option("--set", metavar="NAME=VALUE", help="A setting of the method; repeat for more.")
]
Pairs = Annotated[
    list[Path],
    typer.Option(metavar="OTHER", help="Second recording of the same object; repeat, once an input, in their order."),
]
Repeats = Annotated[
    str | None,
    typer.Option(
        metavar="AXIS|interleaved",
        help="Axis, such as T, along which one still scene repeats, to be restored as one image; or interleaved: the "
        "frames of a movie, restored one by one.",
    ),
]
Phase = Annotated[
    list[Path],
    typer.Option(metavar="OTHER", help="Phase of a series of magnitudes, for mppca; once an input, in their order."),
]
Calibration = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Recording that tells the noise of the camera, for pn2v and divnoising: frames of a scene at rest, or one "
        "of a smooth field; of any size.",
    ),
]
Dims = Annotated[
    int | None,
    typer.Option(min=2, max=3, help="Restore plane by plane (2) or whole stacks (3).", show_default="by data"),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:0.", metavar="DEVICE")]
Seed = Annotated[int, typer.Option(min=0, help="All randomness is a function of it.")]
Budget = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Time for reading, diagnosis and training.", show_default="60s"),
]
Steps = Annotated[
    int | None, typer.Option(min=1, help="Train this many steps instead: repeatable to the bit on a CPU.")
]
Type = Annotated[
    Literal["float32", "input"], typer.Option("--dtype", help="float32, or rounded and clipped to that of the input.")
]
Each = Annotated[bool, typer.Option("--each", help="A model and a scale for every input, not one for all.")]
UseModel = Annotated[Path | None, typer.Option("--model", metavar="MODEL", help="Use this model; train none.")]
SaveModel = Annotated[Path | None, typer.Option(metavar="MODEL", help="Keep the model for `pellucid apply`.")]
FillNan = Annotated[bool, typer.Option("--fill-nan", help="Replace NaN and infinity by the median around them.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where a run was stopped.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check the input and say what would be done.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a result that exists.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of standard output.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show library warnings, and where an error arose.")]
