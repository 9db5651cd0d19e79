"""The verb that turns images of one kind into another: translate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pellucid.cli import options as o
from pellucid.cli.job import Answer, Cancel, perform
from pellucid.workflows.events import Watch

Content = Literal["auto", "bright", "dark"]


def translate(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the results.")],
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[INPUT]...", help="Images to translate.", show_default="all of --from"),
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FOLDER", help="Images of the kind to be translated.")
    ] = None,
    target: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="Images of the kind to be made, of other objects.")
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="cyclegan; c2gan, which keeps content where it is; or pix2pix, for pairs of files with one name.",
        ),
    ] = "c2gan",
    settings: o.Settings = [],  # noqa: B006 - Typer copies it
    content_from: Annotated[Content, typer.Option(help="What is content in --from.")] = "auto",
    content_to: Annotated[Content, typer.Option(help="What is content in --to.")] = "auto",
    axes: o.Axes = None,
    channel: o.Channel = None,
    fill_nan: o.FillNan = False,
    device: o.Device = "auto",
    seed: o.Seed = 0,
    budget: Annotated[
        str | None, typer.Option(metavar="TIME", help="Time for the training.", show_default="10m")
    ] = None,
    steps: o.Steps = None,
    model: Annotated[Path | None, typer.Option(metavar="MODEL", help="Use this translation; train none.")] = None,
    save_model: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="Keep what was trained, for --model.")
    ] = None,
    resume: o.Resume = False,
    overwrite: o.Overwrite = False,
    json: o.Json = False,
    verbose: o.Verbose = False,
) -> None:
    """Turn images of one kind into another kind, learned from a folder of each; the results are generated.

    No image of one folder need show what one of the other shows, but for pix2pix. What the method adds is invented:
    the answer says what was checked, and exit code 3 that a check failed.
    """

    def task(watch: Watch, cancel: Cancel) -> Answer:
        training: o.Given = {"--to": target, "--budget": budget, "--steps": steps, "--set": settings}
        o.exclude(("--model", model), *training.items(), ("--save-model", save_model), ("--resume", resume))
        o.exclude(("--budget", budget), ("--steps", steps))
        from pellucid.workflows.kinds import Reading
        from pellucid.workflows.learn import Job
        from pellucid.workflows.options import Options, duration
        from pellucid.workflows.translate import Translation, translate_files

        seconds = None if steps else duration(budget or "10m")
        how: o.Given = {"seconds": seconds, "steps": steps, "device": device, "seed": seed}
        options = Options(method=method, settings=o.assignments(settings), **how)
        places: o.Given = {"output": output, "model": model, "save_model": save_model, "overwrite": overwrite}
        kinds: o.Given = {"source": source, "target": target, "polarity": (content_from, content_to)}
        reading = Reading(axes=axes, channel=channel, fill_nan=fill_nan)
        asked = Translation(inputs=inputs or (), reading=reading, **places, **kinds)
        job = Job(options=options, deadline=None, resume=resume, watch=watch, cancel=cancel)
        found = translate_files(asked, job)
        return Answer(facts=found, text=_described(found), trusted=not found["doubts"])

    perform(task, as_json=json, verbose=verbose)


def _described(found: Mapping[str, Any]) -> str:
    told = [f"{len(found['outputs'])} image(s) -> {found['output']}", f"  method         {found['method']}"]
    told += [f"  generated      {found['sentence']}", f"  checked        {found['checked']}"]
    told += [f"  doubt          {doubt}" for doubt in found["doubts"]]
    return "\n".join(told + [f"  warning        {warning}" for warning in found["warnings"]])
