"""The verb that turns images of one kind into another: translate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pellucid.cli import options as o
from pellucid.cli.job import Answer, Cancel, perform
from pellucid.workflows.events import Watch

if TYPE_CHECKING:
    from pellucid.workflows.learn import Job

Images = Annotated[
    list[Path] | None, typer.Argument(metavar="[INPUT]...", help="Images to translate.", show_default="all of --from")
]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the results.")]
Source = Annotated[Path | None, typer.Option("--from", metavar="FOLDER", help="Images of the kind to be translated.")]
Target = Annotated[
    Path | None, typer.Option("--to", metavar="FOLDER", help="Images of the kind to be made, of other objects.")
]
Method = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="cyclegan; c2gan, which keeps content where it is; or pix2pix, for pairs of files with one name.",
        show_default="c2gan",
    ),
]
Content = Literal["auto", "bright", "dark"]
ContentFrom = Annotated[Content, typer.Option(help="What is content in --from.")]
ContentTo = Annotated[Content, typer.Option(help="What is content in --to.")]
Budget = Annotated[str | None, typer.Option(metavar="TIME", help="Time for the training.", show_default="10m")]
UseModel = Annotated[Path | None, typer.Option("--model", metavar="MODEL", help="Use this translation; train none.")]
SaveModel = Annotated[Path | None, typer.Option(metavar="MODEL", help="Keep what was trained, for --model.")]


def translate(
    output: Output,
    inputs: Images = None,
    source: Source = None,
    target: Target = None,
    method: Method = None,
    settings: o.Settings = [],  # noqa: B006 - Typer copies it
    content_from: ContentFrom = "auto",
    content_to: ContentTo = "auto",
    axes: o.Axes = None,
    channel: o.Channel = None,
    fill_nan: o.FillNan = False,
    device: o.Device = "auto",
    seed: o.Seed = 0,
    budget: Budget = None,
    steps: o.Steps = None,
    model: UseModel = None,
    save_model: SaveModel = None,
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
        training |= {"--content-from": content_from != "auto", "--content-to": content_to != "auto", "--method": method}
        o.exclude(("--model", model), *training.items(), ("--save-model", save_model), ("--resume", resume))
        job = _job(method or "c2gan", settings, budget, steps, device=device, seed=seed)
        from pellucid.workflows.kinds import Reading
        from pellucid.workflows.translate import Translation, translate_files

        places: o.Given = {"output": output, "model": model, "save_model": save_model, "overwrite": overwrite}
        places |= {"source": source, "target": target, "polarity": (content_from, content_to)}
        reading = Reading(axes=axes, channel=channel, fill_nan=fill_nan)
        asked = Translation(inputs=inputs or (), reading=reading, **places)
        return _answer(translate_files(asked, replace(job, resume=resume, watch=watch, cancel=cancel)))

    perform(task, as_json=json, verbose=verbose)


def _job(method: str, settings: list[str], budget: str | None, steps: int | None, **rest: Any) -> Job:
    """Gather what a training needs; without `steps` and `budget` it has ten minutes."""
    o.exclude(("--budget", budget), ("--steps", steps))
    from pellucid.workflows.learn import Job
    from pellucid.workflows.options import Options, duration

    seconds = None if steps else duration(budget or "10m")
    options = Options(method=method, settings=o.assignments(settings), seconds=seconds, steps=steps, **rest)
    return Job(options=options, deadline=None)


def _answer(found: Mapping[str, Any]) -> Answer:
    told = [f"{len(found['outputs'])} image(s) -> {found['output']}", f"  method         {found['method']}"]
    told += [f"  generated      {found['sentence']}", f"  checked        {found['checked']}"]
    told += [f"  doubt          {doubt}" for doubt in found["doubts"]]
    told += [f"  warning        {warning}" for warning in found["warnings"]]
    return Answer(facts=found, text="\n".join(told), trusted=not found["doubts"])
