"""Verbs that make images and models: denoise, train, apply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from pellucid.cli import options as o
from pellucid.cli.job import Answer, Cancel, perform
from pellucid.workflows.events import Watch


def denoise(
    inputs: o.Inputs,
    output: o.Output = None,
    method: o.Method = "auto",
    settings: o.Settings = [],  # noqa: B006 - Typer copies it
    pairs: o.Pairs = [],  # noqa: B006
    each: o.Each = False,
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
    made = o.training(method, settings, budget, steps, dims=dims, device=device, seed=seed)

    def task(watch: Watch, cancel: Cancel) -> Answer:
        from pellucid.workflows.denoise import Options, denoise_files

        places: o.Given = {"output": output, "pairs": pairs, "each": each, "model": model, "save_model": save_model}
        reading: o.Given = {"axes": axes, "channel": channel, "fill_nan": fill_nan, "dtype": dtype}
        how: o.Given = {"resume": resume, "overwrite": overwrite, "dry_run": dry_run}
        options = Options(**made)
        return restored(denoise_files(inputs, options, **places, **reading, **how, watch=watch, cancel=cancel))

    perform(task, as_json=json, verbose=verbose)


def train(
    inputs: o.Inputs,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="MODEL", help="File of the model.")],
    method: o.Method = "auto",
    settings: o.Settings = [],  # noqa: B006
    pairs: o.Pairs = [],  # noqa: B006
    axes: o.Axes = None,
    channel: o.Channel = None,
    dims: o.Dims = None,
    device: o.Device = "auto",
    seed: o.Seed = 0,
    budget: o.Budget = None,
    steps: o.Steps = None,
    overwrite: o.Overwrite = False,
    json: o.Json = False,
    verbose: o.Verbose = False,
) -> None:
    """Train a model on noisy images, and keep it for `pellucid apply`."""
    made = o.training(method, settings, budget, steps, dims=dims, device=device, seed=seed)

    def task(watch: Watch, cancel: Cancel) -> Answer:
        from pellucid.workflows.denoise import Options
        from pellucid.workflows.train import train

        reading: o.Given = {"axes": axes, "channel": channel, "pairs": pairs, "overwrite": overwrite}
        summary = train(inputs, Options(**made), output=output, **reading, watch=watch, cancel=cancel)
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


def restored(summaries: Sequence[Mapping[str, Any]]) -> Answer:
    """Answer with one object for one result, and with a list under ``results`` for several."""
    return Answer(
        facts=summaries[0] if len(summaries) == 1 else {"results": summaries},
        text="\n\n".join(map(described, summaries)),
        trusted=all(summary.get("verdict") in ("green", None) for summary in summaries),
    )


def described(summary: Mapping[str, Any]) -> str:
    """Tell a summary to a person: what came of which input, how, and whether to believe it."""
    risk, se = summary.get("risk"), summary.get("risk_se")
    lines = {
        "method": f"{summary.get('method')}: {summary.get('why')}",
        "held-out risk": f"{risk:.4g} ± {se:.2g}" if risk is not None and se is not None else None,
        "verdict": summary.get("verdict"),
        "report": summary.get("report"),
    }
    told = [f"{summary.get('input')} -> {summary.get('output')}"]
    told += [f"  {key:15}{value}" for key, value in lines.items() if value]
    return "\n".join(told + [f"warning: {warning}" for warning in summary.get("warnings", ())])
