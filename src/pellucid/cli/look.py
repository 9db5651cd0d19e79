"""Verbs that look at things: info, evaluate, compare, methods, doctor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from pellucid.cli import options as o
from pellucid.cli.job import Answer, Cancel, perform
from pellucid.workflows.events import Watch

if TYPE_CHECKING:
    from pellucid.methods import Task


_GENERATING = {"unpaired": "translate", "pairs": "translate", "particles": "particles"}  # the verb, by what is needed


def info(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An image.")],
    axes: o.Axes = None,
    channel: o.Channel = None,
    json: o.Json = False,
    verbose: o.Verbose = False,
) -> None:
    """Say what an image holds and what noise it has, and advise on a method."""

    def task(watch: Watch, cancel: Cancel) -> Answer:
        from pellucid.workflows.inspect import inspect

        facts = inspect(file, axes=axes, channel=channel)
        return Answer(facts=facts.as_dict(), text=str(facts))

    perform(task, as_json=json, verbose=verbose)


def methods(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A method; all of them unless given.")] = None,
    json: o.Json = False,
    verbose: o.Verbose = False,
) -> None:
    """List the methods, or show the card and the settings of one."""

    def task(watch: Watch, cancel: Cancel) -> Answer:
        from dataclasses import asdict

        from pellucid import methods

        if name is not None:
            found = [of for of in methods.TASKS if name in methods.names(of)] or ["denoise"]
            return _joined({of: _method(name, of) for of in found})
        cards = {of: {each: asdict(methods.card(each, of)) for each in methods.names(of)} for of in methods.TASKS}
        width = max(len(each) for of in cards.values() for each in of)
        rows = [
            f"{each:{width}}  {of:11}  {c['needs']:12}  {c['title']}" for of in cards for each, c in cards[of].items()
        ]
        header = f"{'name':{width}}  task         needs         title"
        return Answer(facts=cards, text="\n".join([header, *rows, "`pellucid methods NAME` shows one in full."]))

    perform(task, as_json=json, verbose=verbose)


def _joined(answers: Mapping[str, Answer]) -> Answer:
    """Show a name that a method has in each of several tasks."""
    texts = [f"to {of}\n{answer.text}" if len(answers) > 1 else answer.text for of, answer in answers.items()]
    return Answer(facts={of: answer.facts for of, answer in answers.items()}, text="\n\n".join(texts))


def _method(name: str, of: Task) -> Answer:
    """Show one card, and each setting with its type and default."""
    from dataclasses import asdict

    from pellucid import methods

    card = asdict(methods.card(name, of))
    settings = {k: (_type(kind), default) for k, (kind, default) in methods.settings(name, of).items()}
    lines = [f"{name}: {card['title']}"]
    lines += [f"  {key:12}{card[key]}" for key in ("needs", "assumes", "gives", "equation", "paper")]
    if of == "generate":
        verb = _GENERATING.get(card["needs"])
        how = f"pellucid {verb} --method {name}" if verb else "from Python: see help('pellucid.methods.generate')"
        lines += [f"  {'use':12}{how}"]
    lines += ["settings (--set NAME=VALUE):"] if settings else []
    lines += [f"  {key:13} {_written(default):13} {kind}" for key, (kind, default) in settings.items()]
    listed = {key: {"type": kind, "default": default} for key, (kind, default) in settings.items()}
    return Answer(facts={"name": name, **card, "settings": listed}, text="\n".join(lines))


def _written(value: Any) -> str:
    """Write a default as `--set` takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _type(kind: Any) -> str:
    """Write a type as a user would.

    Examples
    --------
    >>> from typing import Literal
    >>> _type(int), _type(Literal["n2v2", "n2v"])
    ('whole number', 'n2v2 | n2v')
    """
    words = {int: "whole number", float: "number", bool: "true | false"}
    return words[kind] if kind in words else " | ".join(map(str, get_args(kind))) or str(kind)


def evaluate(
    restored: Annotated[Path, typer.Argument(metavar="RESTORED", help="The result to judge.")],
    noisy: Annotated[Path, typer.Option(help="What it was made from.")],
    model: Annotated[Path | None, typer.Option(help="The model that made it.")] = None,
    truth: Annotated[Path | None, typer.Option(help="A clean reference.")] = None,
    second_shot: Annotated[Path | None, typer.Option(help="Another recording of the same object.")] = None,
    spread: Annotated[Path | None, typer.Option(help="The standard deviation claimed for each pixel.")] = None,
    json: o.Json = False,
    verbose: o.Verbose = False,
) -> None:
    """Judge a restored image by what was removed, and by all else that is given; say what was not checked."""

    def task(watch: Watch, cancel: Cancel) -> Answer:
        from pellucid.workflows.evaluate import evaluate

        found = evaluate(restored, noisy, model=model, truth=truth, second_shot=second_shot, spread=spread)
        return Answer(facts=found.as_dict(), text=str(found), trusted=found.verdict.level == "green")

    perform(task, as_json=json, verbose=verbose)


def compare(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A noisy image.")],
    methods: Annotated[
        str,
        typer.Option(metavar="all|NAMES", help="auto and all that suit the image, or names with commas between them."),
    ] = "all",
    truth: Annotated[Path | None, typer.Option(help="A clean reference, for the PSNR.")] = None,
    pairs: Annotated[Path | None, typer.Option(metavar="OTHER", help="Second recording of the same object.")] = None,
    affine: Annotated[bool, typer.Option("--affine", help="Fit a x + b to the truth before the PSNR.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The report.", show_default="FILE.comparison.html")
    ] = None,
    axes: o.Axes = None,
    channel: o.Channel = None,
    dims: o.Dims = None,
    device: o.Device = "auto",
    seed: o.Seed = 0,
    budget: Annotated[str | None, typer.Option(metavar="TIME", help="Of each method.", show_default="60s")] = None,
    steps: o.Steps = None,
    overwrite: o.Overwrite = False,
    json: o.Json = False,
    verbose: o.Verbose = False,
) -> None:
    """Restore one image by many methods, and compare their risk, error, spread, time and memory."""

    def task(watch: Watch, cancel: Cancel) -> Answer:
        o.exclude(("--budget", budget), ("--steps", steps))
        from pellucid.workflows.compare import compare_file

        given: o.Given = {"truth": truth, "pairs": pairs, "axes": axes, "channel": channel, "overwrite": overwrite}
        how: o.Given = {"methods": methods, "affine": affine, "budget": budget or "60s", "steps": steps}
        where: o.Given = {"dims": dims, "device": device, "seed": seed}
        found, report = compare_file(file, output=output, **given, **how, **where, watch=watch, cancel=cancel)
        facts = {"input": file, "report": report} | found.as_dict()
        return Answer(facts=facts, text=f"{found}\nreport: {report}")

    perform(task, as_json=json, verbose=verbose)


def doctor(json: o.Json = False, verbose: o.Verbose = False) -> None:
    """Say what this machine offers and what is missing."""

    def task(watch: Watch, cancel: Cancel) -> Answer:
        from pellucid.workflows.doctor import doctor

        checks = doctor()
        return Answer(facts={"checks": [check.as_dict() for check in checks]}, text="\n".join(map(str, checks)))

    perform(task, as_json=json, verbose=verbose)
