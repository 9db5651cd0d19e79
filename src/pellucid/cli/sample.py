"""The verb that draws images from a posterior: sample."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli import options as o
from pellucid.cli.denoise import chosen, described
from pellucid.cli.job import Answer, Cancel, perform
from pellucid.cli.reconstruct import described as reconstructed
from pellucid.workflows.events import Watch

if TYPE_CHECKING:
    from pellucid.workflows.options import Options

File = Annotated[Path, typer.Argument(metavar="FILE", help="A noisy image.")]
Folder = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FOLDER", help="Of the results.", show_default="FILE_samples beside it"),
]
Method = Annotated[str, typer.Option(metavar="NAME", help="One that gives draws.")]
Draws = Annotated[int, typer.Option(help="How many images, two or more.")]
Psf = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="An image of a point: draw what lies behind this blur, in an image or a stack."),
]
SaveModel = Annotated[Path | None, typer.Option(metavar="MODEL", help="Keep what was trained, for --model.")]
Likeliest = Annotated[bool, typer.Option("--map", help="Also write where the draws are densest.")]


def sample(
    file: File,
    output: Folder = None,
    method: Method = "divnoising",
    draws: Draws = 16,
    likeliest: Likeliest = False,
    psf: Psf = None,
    settings: o.Settings = [],  # noqa: B006 - Typer copies it
    calibration: o.Calibration = None,
    axes: o.Axes = None,
    channel: o.Channel = None,
    dims: o.Dims = None,
    device: o.Device = "auto",
    seed: o.Seed = 0,
    budget: o.Budget = None,
    steps: o.Steps = None,
    model: o.UseModel = None,
    save_model: SaveModel = None,
    fill_nan: o.FillNan = False,
    resume: o.Resume = False,
    overwrite: o.Overwrite = False,
    json: o.Json = False,
    verbose: o.Verbose = False,
) -> None:
    """Draw images that may lie behind a noisy one; write them, their mean and their spread."""

    def task(watch: Watch, cancel: Cancel) -> Answer:
        learning: o.Given = {"calibration": calibration, "dims": dims}
        training = learning | {"set": settings, "budget": budget, "steps": steps, "resume": resume}
        o.exclude(("--model", model), *((f"--{k}", v) for k, v in training.items()), ("--save-model", save_model))
        o.exclude(("--psf", psf), *((f"--{k}", v) for k, v in learning.items()), ("--fill-nan", fill_nan))
        given = chosen(method, settings, budget, steps, **learning, device=device, seed=seed)
        reading: o.Given = {"axes": axes, "channel": channel, "model": model}
        how: o.Given = {"draws": draws, "likeliest": likeliest, "output": output, "save_model": save_model}
        how |= {"overwrite": overwrite, "resume": resume, "watch": watch, "cancel": cancel}
        make = partial(_sampled, fill_nan=fill_nan) if psf is None else partial(_behind, psf=psf)
        summary, text = make(file, given, reading, how)
        note = f"  draws          {draws}: generated, not recorded; each is one that may lie behind the recording"
        return Answer(facts=summary, text=f"{text}\n{note}", trusted=summary["verdict"] == "green")

    perform(task, as_json=json, verbose=verbose)


def _sampled(
    file: Path, given: Options, reading: o.Given, how: o.Given, *, fill_nan: bool
) -> tuple[Mapping[str, Any], str]:
    from pellucid.workflows.sample import sample_files

    summary = sample_files(file, given, fill_nan=fill_nan, **reading, **how)
    return summary, described(summary)


def _behind(file: Path, given: Options, reading: o.Given, how: o.Given, *, psf: Path) -> tuple[Mapping[str, Any], str]:
    from pellucid.workflows.sample_scan import behind, sample_scan

    summary = sample_scan(file, behind(psf, given, **reading), **how)
    return summary, reconstructed(summary)
