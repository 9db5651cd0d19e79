"""Verbs that invert an instrument: reconstruct, deconvolve, modalities."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer

from pellucid.cli import options as o
from pellucid.cli.job import Answer, Cancel, perform
from pellucid.errors import InputError
from pellucid.workflows.events import Watch

ANY_FLAG = {"allow_extra_args": True, "ignore_unknown_options": True}
"""The flags of the geometry are those of the modality, which is known only when the arguments are read."""

Modality = Annotated[
    str, typer.Option(metavar="NAME", help="The kind of instrument; `pellucid modalities` lists them.")
]
Method = Annotated[
    str | None,
    typer.Option(metavar="auto|NAME", help="auto, or out of `pellucid methods`.", show_default="the usual one"),
]
Train = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Scans to train on.", show_default="the scans that are reconstructed"),
]
CleanImages = Annotated[
    Path | None,
    typer.Option("--clean", metavar="FOLDER", help="Clean images of other objects, for ot_cyclegan and its kin."),
]
UseModel = Annotated[
    Path | None,
    typer.Option("--model", metavar="MODEL", help="A trained reconstruction; a denoiser for pnp and red."),
]
SaveModel = Annotated[Path | None, typer.Option(metavar="MODEL", help="Keep what was trained, for --model.")]
Budget = Annotated[str | None, typer.Option(metavar="TIME", help="Time for a training.", show_default="10m")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="File or folder of the result.", show_default="beside the input"),
]


def reconstruct(
    scans: Annotated[
        list[str], typer.Argument(metavar="SCAN", help="What the instrument recorded: files, or folders of them.")
    ],
    modality: Modality,
    output: Output = None,
    method: Method = None,
    settings: o.Settings = [],  # noqa: B006 - Typer copies it
    train: Train = None,
    clean: CleanImages = None,
    model: UseModel = None,
    save_model: SaveModel = None,
    budget: Budget = None,
    steps: o.Steps = None,
    device: o.Device = "auto",
    seed: o.Seed = 0,
    resume: o.Resume = False,
    overwrite: o.Overwrite = False,
    dry_run: o.DryRun = False,
    json: o.Json = False,
    verbose: o.Verbose = False,
) -> None:
    """Reconstruct images from scans, and say how well they explain and predict the data.

    A learned method trains on the scans themselves, or on those of --train; `auto` takes what predicts unseen
    measurements best. The geometry that a file lacks is given by further flags: `pellucid modalities NAME` lists them.
    """
    asked: o.Given = {"modality": modality, "method": method, "train": train, "clean": clean, "model": model}
    asked |= {"steps": steps, "device": device, "seed": seed}
    writing: o.Given = {"output": output, "save_model": save_model, "overwrite": overwrite}
    how: o.Given = {"resume": resume, "dry_run": dry_run}
    _perform(scans, asked, settings, budget, writing, how, as_json=json, verbose=verbose)


def deconvolve(
    stacks: Annotated[list[str], typer.Argument(metavar="STACK", help="Images or stacks: files, or folders of them.")],
    output: Output = None,
    method: Method = None,
    settings: o.Settings = [],  # noqa: B006
    train: Train = None,
    clean: CleanImages = None,
    model: UseModel = None,
    save_model: SaveModel = None,
    budget: Budget = None,
    steps: o.Steps = None,
    device: o.Device = "auto",
    seed: o.Seed = 0,
    resume: o.Resume = False,
    overwrite: o.Overwrite = False,
    dry_run: o.DryRun = False,
    json: o.Json = False,
    verbose: o.Verbose = False,
) -> None:
    """Deconvolve stacks: --psf PSF, or --na 1.4 --wavelength-nm 520 and what else is known of the microscope.

    `pellucid modalities deconvolution` lists the flags. With --method ot_cyclegan and clean images of other objects,
    --clean FOLDER, a network is trained, and finds the PSF too: --psf-width 11.
    """
    asked: o.Given = {"modality": "deconvolution", "method": method, "train": train, "clean": clean, "model": model}
    asked |= {"steps": steps, "device": device, "seed": seed}
    writing: o.Given = {"output": output, "save_model": save_model, "overwrite": overwrite}
    how: o.Given = {"resume": resume, "dry_run": dry_run}
    _perform(stacks, asked, settings, budget, writing, how, as_json=json, verbose=verbose)


VERBS = (reconstruct, deconvolve)


def modalities(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A modality; all of them unless given.")] = None,
    json: o.Json = False,
    verbose: o.Verbose = False,
) -> None:
    """List the kinds of instrument, or show the flags of one."""

    def task(watch: Watch, cancel: Cancel) -> Answer:
        from pellucid.workflows.scan import described as texts_of
        from pellucid.workflows.scan import geometry
        from pellucid.workflows.scan import modalities as all_of_them

        if name is None:
            summaries = {each: texts_of(each)[""] for each in all_of_them()}
            width = max(map(len, summaries))
            rows = [f"{each:{width}}  {text}" for each, text in summaries.items()]
            return Answer(facts=summaries, text="\n".join([*rows, "`pellucid modalities NAME` shows its flags."]))
        texts = texts_of(name)
        lines = [f"{name}: {texts['']}"]
        for key, (kind, default) in geometry(name).items():
            usual = f" (default {default})" if default is not None and kind is not bool else ""
            lines += [f"  {flag(f'no_{key}' if default is True else key)} {_kind(kind)}{usual}".rstrip()]
            lines += [f"      {texts[key]}"]
        return Answer(facts=texts, text="\n".join(lines))

    perform(task, as_json=json, verbose=verbose)


def _perform(
    words: Sequence[str],
    asked: Mapping[str, Any],
    settings: list[str],
    budget: str | None,
    writing: Mapping[str, Any],
    how: Mapping[str, Any],
    *,
    as_json: bool,
    verbose: bool,
) -> None:
    """Run one verb; its words are scans and flags of the geometry."""

    def task(watch: Watch, cancel: Cancel) -> Answer:
        o.exclude(("--budget", budget), ("--steps", asked["steps"]))
        from pellucid.workflows.options import duration
        from pellucid.workflows.reconstruct_files import Places, reconstruct_files
        from pellucid.workflows.request import Request
        from pellucid.workflows.scan import geometry

        paths, given = read(words, geometry(asked["modality"]), asked["modality"])
        seconds = None if budget is None else duration(budget)
        request = Request(settings=o.assignments(settings), geometry=given, seconds=seconds, **asked)
        return _answer(reconstruct_files(paths, request, Places(**writing), **how, watch=watch, cancel=cancel))

    perform(task, as_json=as_json, verbose=verbose, resumable=_trains(asked["method"]))


def _trains(method: str | None) -> bool:
    """Whether a method looks at Ctrl-C, and ends well."""
    if method in (None, "auto"):
        return method is not None
    from pellucid.methods import card

    with suppress(InputError):
        return card(str(method), "reconstruct").trained
    return False


def _answer(results: Sequence[Mapping[str, Any]]) -> Answer:
    """Answer with one object for one result, and with a list under ``results`` for several."""
    trusted = all("error" not in facts and facts.get("verdict") != "amber" for facts in results)
    facts = results[0] if len(results) == 1 else {"results": results}
    return Answer(facts=facts, text="\n\n".join(map(described, results)), trusted=trusted)


def described(facts: Mapping[str, Any]) -> str:
    """Tell a person what came of a scan, how, and whether to believe it."""
    if "error" in facts:
        return f"{facts['input']}\n  error          {facts['error']}"
    told = [f"{facts['input']} -> {facts['output']}", f"  method         {facts['method']} ({facts['quantity']})"]
    told += [f"  found          {note}" for note in facts["notes"]]
    if "sentence" in facts:
        told += [f"  data           {facts['sentence']}", f"  report         {facts['report']}"]
    return "\n".join(told + [f"  warning        {warning}" for warning in facts.get("warnings", ())])


def read(
    words: Sequence[str], known: Mapping[str, tuple[Any, Any]], modality: str
) -> tuple[list[Path], dict[str, Any]]:
    """Read scans and the flags of the geometry, each flag as the type that the modality names.

    Examples
    --------
    >>> scans, given = read(["a.h5", "--width-nm", "5", "--ring"], {"width_nm": (float, 0.0), "ring": (bool, 0)}, "ct")
    >>> [scan.name for scan in scans], given
    (['a.h5'], {'width_nm': 5.0, 'ring': True})
    """
    found: dict[str, Any] = {}
    scans: list[Path] = []
    left = list(words)
    while left:
        text, equals, value = left.pop(0).partition("=")
        if not text.startswith("--"):
            scans.append(Path(text + equals + value))
            continue
        key = text.removeprefix("--").replace("-", "_")
        no = key.startswith("no_") and key[3:] in known
        if key not in known and not no:
            flags_known = ", ".join(map(flag, known)) or "no flags of its own"
            raise InputError(f"{modality} does not know {text}; beside the general flags it takes {flags_known}.")
        kind = known[key[3:] if no else key][0]
        if kind is bool:
            found[key[3:] if no else key] = not no
            continue
        if not equals:
            if not left:
                raise InputError(f"{flag(key)} needs a value: {_kind(kind)}.")
            value = left.pop(0)
        found[key] = _converted(key, kind, value)
    if not scans:
        raise InputError("Nothing to reconstruct was named: give a file, or a folder of them.")
    return scans, found


def _converted(key: str, kind: Any, value: str) -> Any:
    """Return the text of a flag as its type."""
    kind = _some(kind)
    if get_origin(kind) is Literal:
        if value in get_args(kind):
            return value
        raise InputError(f"{flag(key)} is {_kind(kind)}; {value} is not.")
    try:
        return kind(value)
    except ValueError:
        raise InputError(f"{flag(key)} is {_kind(kind)}; {value} is not.") from None


def flag(key: str) -> str:
    """Return the flag of a keyword.

    Examples
    --------
    >>> flag("wavelength_nm")
    '--wavelength-nm'
    """
    return "--" + key.replace("_", "-")


def _kind(kind: Any) -> str:
    """Say what a flag takes.

    Examples
    --------
    >>> _kind(float | None), _kind(Literal["rytov", "born"])
    ('a number', 'rytov | born')
    """
    words = {int: "a whole number", float: "a number", str: "text", Path: "a file", bool: ""}
    kind = _some(kind)
    return words[kind] if kind in words else " | ".join(map(str, get_args(kind)))


def _some(kind: Any) -> Any:
    """Return the type that an optional type else is.

    Examples
    --------
    >>> _some(Literal["rows", "columns"] | None), _some(int)
    (typing.Literal['rows', 'columns'], <class 'int'>)
    """
    if get_origin(kind) not in (types.UnionType, Union):
        return kind
    return next(k for k in get_args(kind) if k is not type(None))
