"""The verb that draws images from a posterior: sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli import options as o
from pellucid.cli.denoise import described
from pellucid.cli.job import Answer, Cancel, perform
from pellucid.workflows.events import Watch


def sample(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A noisy image.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Of the results.", show_default="FILE_samples beside it"),
    ] = None,
    method: Annotated[str, typer.Option(metavar="NAME", help="One that gives draws.")] = "divnoising",
    draws: Annotated[int, typer.Option(help="How many images, two or more.")] = 16,
    likeliest: Annotated[bool, typer.Option("--map", help="Also write where the draws are densest.")] = False,
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
    save_model: o.SaveModel = None,
    fill_nan: o.FillNan = False,
    resume: o.Resume = False,
    overwrite: o.Overwrite = False,
    json: o.Json = False,
    verbose: o.Verbose = False,
) -> None:
    """Draw images that may lie behind a noisy one; write them, their mean and their spread."""

    def task(watch: Watch, cancel: Cancel) -> Answer:
        o.exclude(("--budget", budget), ("--steps", steps))
        learning: o.Given = {"dims": dims, "calibration": calibration, "device": device, "seed": seed}
        training = {"set": settings, "calibration": calibration, "dims": dims, "budget": budget, "steps": steps}
        training |= {"resume": resume, "save-model": save_model}
        o.exclude(("--model", model), *((f"--{name}", given) for name, given in training.items()))
        from pellucid.workflows.options import Options, duration
        from pellucid.workflows.sample import sample_files

        seconds = None if steps else duration(budget or "60s")
        given = Options(method=method, settings=o.assignments(settings), seconds=seconds, steps=steps, **learning)
        where: o.Given = {"output": output, "model": model, "save_model": save_model, "overwrite": overwrite}
        reading: o.Given = {"axes": axes, "channel": channel, "fill_nan": fill_nan, "resume": resume}
        number: o.Given = {"draws": draws, "likeliest": likeliest}
        summary = sample_files(file, given, **number, **where, **reading, watch=watch, cancel=cancel)
        note = f"  draws          {draws}: generated, not recorded; each is one that may lie behind the recording"
        return Answer(facts=summary, text=f"{described(summary)}\n{note}", trusted=summary["verdict"] == "green")

    perform(task, as_json=json, verbose=verbose)
