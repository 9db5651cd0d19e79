"""The verb that draws images from a posterior: sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli import options as o
from pellucid.cli.denoise import chosen, described
from pellucid.cli.job import Answer, Cancel, perform
from pellucid.workflows.events import Watch

File = Annotated[Path, typer.Argument(metavar="FILE", help="A noisy image.")]
Folder = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FOLDER", help="Of the results.", show_default="FILE_samples beside it"),
]
Method = Annotated[str, typer.Option(metavar="NAME", help="One that gives draws.")]
Draws = Annotated[int, typer.Option(help="How many images, two or more.")]
Likeliest = Annotated[bool, typer.Option("--map", help="Also write where the draws are densest.")]


def sample(
    file: File,
    output: Folder = None,
    method: Method = "divnoising",
    draws: Draws = 16,
    likeliest: Likeliest = False,
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
        learning: o.Given = {"calibration": calibration, "dims": dims}
        training = learning | {"set": settings, "budget": budget, "steps": steps, "resume": resume}
        o.exclude(("--model", model), *((f"--{k}", v) for k, v in training.items()), ("--save-model", save_model))
        from pellucid.workflows.sample import sample_files

        given = chosen(method, settings, budget, steps, **learning, device=device, seed=seed)
        where: o.Given = {"output": output, "model": model, "save_model": save_model, "overwrite": overwrite}
        how: o.Given = {"axes": axes, "channel": channel, "fill_nan": fill_nan, "resume": resume}
        how |= {"draws": draws, "likeliest": likeliest}
        summary = sample_files(file, given, **where, **how, watch=watch, cancel=cancel)
        note = f"  draws          {draws}: generated, not recorded; each is one that may lie behind the recording"
        return Answer(facts=summary, text=f"{described(summary)}\n{note}", trusted=summary["verdict"] == "green")

    perform(task, as_json=json, verbose=verbose)
