"""Verbs that invert an instrument: reconstruct, deconvolve, modalities."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer

from pellucid.cli import options as o
from pellucid.cli.job import Answer, Cancel, perform
from pellucid.errors import InputError
from pellucid.workflows.events import Watch

if TYPE_CHECKING:
    from pellucid.workflows.reconstruct import Request

ANY_FLAG = {"allow_extra_args": True, "ignore_unknown_options": True}
"""The flags of the geometry are those of the modality, which is known only when the arguments are read."""

Modality = Annotated[
    str, typer.Option(metavar="NAME", help="The kind of instrument; `pellucid modalities` lists them.")
]
Method = Annotated[
    str | None, typer.Option(metavar="NAME", help="Out of `pellucid methods`.", show_default="the usual one")
]
Denoiser = Annotated[Path | None, typer.Option(metavar="MODEL", help="A trained model, for pnp and red.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="The result.", show_default="beside the input")]


def reconstruct(
    context: typer.Context,
    scan: Annotated[Path, typer.Argument(metavar="SCAN", help="What the instrument recorded.")],
    modality: Modality,
    output: Output = None,
    method: Method = None,
    settings: o.Settings = [],  # noqa: B006 - Typer copies it
    model: Denoiser = None,
    device: o.Device = "auto",
    seed: o.Seed = 0,
    overwrite: o.Overwrite = False,
    dry_run: o.DryRun = False,
    json: o.Json = False,
    verbose: o.Verbose = False,
) -> None:
    """Reconstruct an image from a scan, and say how well it explains the data.

    The geometry that the file lacks is given by further flags: `pellucid modalities NAME` lists those of a modality.
    """
    asked: o.Given = {"modality": modality, "method": method, "denoiser": model, "device": device, "seed": seed}
    writing: o.Given = {"output": output, "overwrite": overwrite, "dry_run": dry_run}
    _perform(scan, asked, settings, context.args, writing, as_json=json, verbose=verbose)


def deconvolve(
    context: typer.Context,
    stack: Annotated[Path, typer.Argument(metavar="STACK", help="An image or a stack.")],
    output: Output = None,
    method: Method = None,
    settings: o.Settings = [],  # noqa: B006
    model: Denoiser = None,
    device: o.Device = "auto",
    seed: o.Seed = 0,
    overwrite: o.Overwrite = False,
    dry_run: o.DryRun = False,
    json: o.Json = False,
    verbose: o.Verbose = False,
) -> None:
    """Deconvolve a stack: --psf PSF, or --na 1.4 --wavelength-nm 520 and what else is known of the microscope.

    `pellucid modalities deconvolution` lists the flags.
    """
    asked: o.Given = {"modality": "deconvolution", "method": method, "denoiser": model, "device": device, "seed": seed}
    writing: o.Given = {"output": output, "overwrite": overwrite, "dry_run": dry_run}
    _perform(stack, asked, settings, context.args, writing, as_json=json, verbose=verbose)


VERBS = (reconstruct, deconvolve)


def modalities(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A modality; all of them unless given.")] = None,
    json: o.Json = False,
    verbose: o.Verbose = False,
) -> None:
    """List the kinds of instrument, or show the flags of one."""

    def task(watch: Watch, cancel: Cancel) -> Answer:
        from pellucid.workflows.scan import described, geometry
        from pellucid.workflows.scan import modalities as all_of_them

        if name is None:
            summaries = {each: described(each)[""] for each in all_of_them()}
            width = max(map(len, summaries))
            rows = [f"{each:{width}}  {text}" for each, text in summaries.items()]
            return Answer(facts=summaries, text="\n".join([*rows, "`pellucid modalities NAME` shows its flags."]))
        texts = described(name)
        lines = [f"{name}: {texts['']}"]
        for key, (kind, default) in geometry(name).items():
            usual = f" (default {default})" if default is not None and kind is not bool else ""
            lines += [f"  {flag(f'no_{key}' if default is True else key)} {_kind(kind)}{usual}".rstrip()]
            lines += [f"      {texts[key]}"]
        return Answer(facts=texts, text="\n".join(lines))

    perform(task, as_json=json, verbose=verbose)


def _perform(
    path: Path,
    asked: Mapping[str, Any],
    settings: list[str],
    flags: Sequence[str],
    writing: Mapping[str, Any],
    *,
    as_json: bool,
    verbose: bool,
) -> None:
    """Run one reconstruction."""

    def task(watch: Watch, cancel: Cancel) -> Answer:
        from pellucid.workflows.reconstruct import Request, reconstruct_file
        from pellucid.workflows.scan import geometry

        given = read(flags, geometry(asked["modality"]), asked["modality"])
        request = Request(settings=o.assignments(settings), geometry=given, **asked)
        return _answer(reconstruct_file(path, request, **writing, watch=watch), request)

    perform(task, as_json=as_json, verbose=verbose, resumable=False)


def _answer(facts: Mapping[str, Any], request: Request) -> Answer:
    told = [f"{facts['input']} -> {facts['output']}", f"  method         {facts['method']} ({facts['quantity']})"]
    told += [f"  found          {note}" for note in facts["notes"]]
    if "sentence" in facts:
        told += [f"  data           {facts['sentence']}", f"  report         {facts['report']}"]
    return Answer(facts=facts, text="\n".join(told), trusted=facts.get("verdict") != "amber")


def read(flags: Sequence[str], known: Mapping[str, tuple[Any, Any]], modality: str) -> dict[str, Any]:
    """Read the flags of the geometry, each as the type that the modality names.

    Examples
    --------
    >>> read(["--wavelength-nm", "520", "--ring"], {"wavelength_nm": (float | None, None), "ring": (bool, False)}, "ct")
    {'wavelength_nm': 520.0, 'ring': True}
    """
    found: dict[str, Any] = {}
    words = list(flags)
    while words:
        text, equals, value = words.pop(0).partition("=")
        key = text.removeprefix("--").replace("-", "_")
        no = key.startswith("no_") and key[3:] in known
        if not text.startswith("--") or (key not in known and not no):
            flags_known = ", ".join(map(flag, known)) or "no flags of its own"
            raise InputError(f"{modality} does not know {text}; beside the general flags it takes {flags_known}.")
        kind = known[key[3:] if no else key][0]
        if kind is bool:
            found[key[3:] if no else key] = not no
            continue
        if not equals:
            if not words:
                raise InputError(f"{flag(key)} needs a value: {_kind(kind)}.")
            value = words.pop(0)
        found[key] = _converted(key, kind, value)
    return found


def _converted(key: str, kind: Any, value: str) -> Any:
    """Return the text of a flag as its type."""
    options = [k for k in get_args(kind) if k is not type(None)]
    if isinstance(kind, types.UnionType):
        kind = options[0]
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
    if isinstance(kind, types.UnionType):
        kind = next(k for k in get_args(kind) if k is not type(None))
    return words[kind] if kind in words else " | ".join(map(str, get_args(kind)))
