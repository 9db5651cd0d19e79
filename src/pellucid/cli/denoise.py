"""Verbs that make images and models: denoise, train, apply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli import options as o
from pellucid.cli.job import Answer, Cancel, perform
from pellucid.workflows.events import Watch

if TYPE_CHECKING:
    from pellucid.workflows.options import Options


def denoise(
    inputs: o.Inputs,
    output: o.Output = None,
    method: o.Method = "auto",
    settings: o.Settings = [],  # noqa: B006 - Typer copies it
    pairs: o.Pairs = [],  # noqa: B006
    repeats: o.Repeats = None,
    phase: o.Phase = [],  # noqa: B006
    each: o.Each = False,
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
    dtype: o.Type = "float32",
    fill_nan: o.FillNan = False,
    resume: o.Resume = False,
    overwrite: o.Overwrite = False,
    dry_run: o.DryRun = False,
    json: o.Json = False,
    verbose: o.Verbose = False,
) -> None:
    """Restore noisy images, and say honestly whether to believe the result."""

    def task(watch: Watch, cancel: Cancel) -> Answer:
        learning: o.Given = {"budget": budget, "steps": steps, "dims": dims, "calibration": calibration}
        _exclude(model, save_model, each, method=method != "auto", set=settings, resume=resume, **learning)
        from pellucid.workflows.files import denoise_files

        places: o.Given = {"output": output, "each": each, "model": model, "save_model": save_model, "dtype": dtype}
        reading: o.Given = {"axes": axes, "channel": channel, "fill_nan": fill_nan, "pairs": pairs, "phase": phase}
        how: o.Given = {"resume": resume, "overwrite": overwrite, "dry_run": dry_run}
        options = chosen(method, settings, **learning, device=device, seed=seed, repeats=repeats)
        return restored(denoise_files(inputs, options, **places, **reading, **how, watch=watch, cancel=cancel))

    perform(task, as_json=json, verbose=verbose)


def train(
    inputs: o.Inputs,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="MODEL", help="File of the model.")],
    method: o.Method = "auto",
    settings: o.Settings = [],  # noqa: B006
    pairs: o.Pairs = [],  # noqa: B006
    repeats: o.Repeats = None,
    calibration: o.Calibration = None,
    axes: o.Axes = None,
    channel: o.Channel = None,
    dims: o.Dims = None,
    device: o.Device = "auto",
    seed: o.Seed = 0,
    budget: o.Budget = None,
    steps: o.Steps = None,
    resume: o.Resume = False,
    overwrite: o.Overwrite = False,
    json: o.Json = False,
    verbose: o.Verbose = False,
) -> None:
    """Train a model on noisy images, and keep it for `pellucid apply`."""

    def task(watch: Watch, cancel: Cancel) -> Answer:
        from pellucid.workflows.train import train

        reading: o.Given = {"axes": axes, "channel": channel, "pairs": pairs, "overwrite": overwrite}
        learning: o.Given = {"calibration": calibration, "dims": dims, "device": device, "seed": seed}
        options = chosen(method, settings, budget, steps, **learning, repeats=repeats)
        summary = train(inputs, options, output=output, resume=resume, **reading, watch=watch, cancel=cancel)
        return Answer(facts=summary, text=described(summary))

    perform(task, as_json=json, verbose=verbose)


def apply(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="What `train` or `denoise --save-model` wrote.")],
    inputs: o.Inputs,
    output: o.Output = None,
    axes: o.Axes = None,
    channel: o.Channel = None,
    device: o.Device = "auto",
    dtype: o.Type = "float32",
    overwrite: o.Overwrite = False,
    json: o.Json = False,
    verbose: o.Verbose = False,
) -> None:
    """Restore images with a model that is already trained."""

    def task(watch: Watch, cancel: Cancel) -> Answer:
        from pellucid.workflows.apply import apply_files

        reading: o.Given = {"axes": axes, "channel": channel, "device": device, "dtype": dtype}
        writing: o.Given = {"output": output, "overwrite": overwrite}
        return restored(apply_files(model, inputs, **reading, **writing, watch=watch, cancel=cancel))

    perform(task, as_json=json, verbose=verbose)


def _exclude(model: Path | None, save_model: Path | None, each: bool, **training: Any) -> None:
    """Refuse a model beside what only a training needs, and one model for all beside one for each."""
    o.exclude(("--each", each), ("--model", model), ("--save-model", save_model))
    o.exclude(
        ("--model", model), *((f"--{name}", given) for name, given in training.items()), ("--save-model", save_model)
    )


def chosen(method: str, settings: list[str], budget: str | None, steps: int | None, **rest: Any) -> Options:
    """Gather what a training needs; without `steps` and `budget` it has a minute."""
    o.exclude(("--budget", budget), ("--steps", steps))
    from pellucid.workflows.options import Options, duration

    seconds = None if steps else duration(budget or "60s")
    return Options(method=method, settings=o.assignments(settings), seconds=seconds, steps=steps, **rest)


def restored(summaries: Sequence[Mapping[str, Any]]) -> Answer:
    """Answer with one object for one result, and with a list under ``results`` for several."""
    return Answer(
        facts=summaries[0] if len(summaries) == 1 else {"results": summaries},
        text="\n\n".join(map(described, summaries)),
        trusted=all(summary.get("verdict") in ("green", None) for summary in summaries),
    )


def described(summary: Mapping[str, Any]) -> str:
    """Tell a summary to a person: what came of which input, how, and whether to believe it."""
    source = summary["input"]
    told = [f"{', '.join(source) if isinstance(source, list) else source} -> {summary['output']}"]
    keys = ("method", "why", "risk", "risk_se")
    channels = list(zip(*(_by_channel(summary.get(key)) for key in keys), strict=True))
    for number, (method, why, risk, se) in enumerate(channels):
        told += [f"  channel        {number}"] if len(channels) > 1 else []
        told.append(f"  method         {method}. {why}")
        told += [f"  held-out risk  {risk:.4g} ± {se:.2g}"] if risk is not None else []
    if "verdict" in summary:
        told.append(f"  verdict        {summary['verdict'].upper()}. {summary['sentence']}")
        told.append(f"  report         {summary['report']}")
    return "\n".join(told + [f"  warning        {warning}" for warning in summary.get("warnings", ())])


def _by_channel(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
