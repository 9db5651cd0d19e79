"""Reconstruct scans into files, with a report beside each."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pellucid.data.io import writable, write
from pellucid.errors import InputError
from pellucid.training import package
from pellucid.workflows.events import Watch
from pellucid.workflows.files import forget, report_path, stem, stopped
from pellucid.workflows.learn import Job
from pellucid.workflows.options import Options
from pellucid.workflows.reconstruct import finish, prepare
from pellucid.workflows.reconstruction import Reconstruction
from pellucid.workflows.request import Request
from pellucid.workflows.scan import Scan
from pellucid.workflows.scan_files import expand, read_all
from pellucid.workflows.scan_model import ScanModel

_ALONE = ("zs_ssl",)  # methods that train on each scan by itself


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where results go.

    Parameters
    ----------
    output
        A file for one scan, a folder for several; None: beside each scan.
    save_model
        Where the model goes, or None.
    overwrite
        Replace what is there.
    """

    output: Path | None = None
    save_model: Path | None = None
    overwrite: bool = False

    def check(self, request: Request) -> None:
        """Refuse places where nothing can be written, before time is spent.

        Raises
        ------
        InputError
            In one sentence.
        """
        if self.save_model is not None:
            if not request.learns:
                raise InputError("--save-model keeps what was trained: name a learned --method, or leave it out.")
            package.writable(self.save_model, overwrite=self.overwrite)
        if self.output is not None and self.output.suffix and not self.output.is_dir():
            writable(self.output, overwrite=self.overwrite)

    def target(self, path: Path, opened: Scan, request: Request, *, alone: bool) -> Path:
        """Return where the image of a scan goes.

        Raises
        ------
        InputError
            Where it may not be written.
        """
        ending = "_deconvolved" if request.modality == "deconvolution" else "_reconstructed"
        name, output = stem(path) + ending + opened.suffix, self.output
        into = output is not None and (output.is_dir() or not alone)
        if into and output is not None and output.suffix and not output.is_dir():
            raise InputError(f"Several scans need a folder, but {output} names one file.")
        target = path.with_name(name) if output is None else output / name if into else output
        if target.resolve() == path.resolve():
            raise InputError("The result would replace its input, which is never done: choose another name with -o.")
        if into and output is not None and not output.exists():
            writable(output.with_name(name), overwrite=True)  # the folder is made with its first image
            return target
        writable(target, overwrite=self.overwrite)
        for beside in (report_path(target), *_sidecars(target, opened)):
            if beside.exists() and not self.overwrite:
                raise InputError(f"{beside} exists already: choose another name with -o, or add --overwrite.")
        return target


def reconstruct_files(
    inputs: Sequence[Path],
    request: Request,
    places: Places,
    *,
    resume: bool = False,
    dry_run: bool = False,
    watch: Watch,
    cancel: Callable[[], bool] = lambda: False,
) -> list[dict[str, Any]]:
    """Reconstruct scans into files, with a report beside each; return the facts of each.

    Several scans share one model, but for methods that train on each by itself. A scan that cannot be read or
    reconstructed does not stop the others: its facts have ``error``.

    Raises
    ------
    InputError
        In one sentence, where no scan can be reconstructed; nothing is written then.
    KeyboardInterrupt
        Where it was cancelled; a checkpoint is kept, and `resume` goes on from it.
    """
    start, model = time.monotonic(), request.check()
    places.check(request)
    paths, options = expand(inputs), request.options
    scans, failures = read_all(paths, request.modality, request.geometry, watch)
    targets = {path: places.target(path, opened, request, alone=len(paths) == 1) for path, opened in scans.items()}
    _distinct(list(targets.values()))
    if dry_run:
        return [_planned(path, targets[path], opened, request) for path, opened in scans.items()]
    apart = request.method in _ALONE and request.train is None
    if apart and len(scans) > 1 and places.save_model is not None:
        raise InputError(f"{request.method} makes a model for each of {len(scans)} scans: leave out --save-model.")
    groups = [[path] for path in scans] if apart else [list(scans)]
    facts: list[dict[str, Any]] = []
    for group in groups:
        job = _job(options, targets[group[0]], start if len(groups) == 1 else time.monotonic(), len(groups))
        own = replace(job, resume=resume, watch=watch, cancel=cancel)
        try:
            done, failed = _group({path: scans[path] for path in group}, targets, request, model, places, own)
        except InputError as error:
            if len(groups) == 1:
                raise
            done, failed = [], {group[0]: str(error)}
        facts, failures = facts + done, failures | failed
    if not facts:
        raise InputError(next(iter(failures.values())))
    return facts + [{"input": str(path), "error": why} for path, why in failures.items()]


def _job(options: Options, target: Path, start: float, parts: int) -> Job:
    """Return the job of a part of the scans, which has its part of the time."""
    seconds = None if options.seconds is None else options.seconds / parts
    folder = target.with_name(stem(target) + ".checkpoint")
    own = replace(options, seconds=seconds)
    return Job(options=own, deadline=None if seconds is None else start + seconds, folder=folder)


def _group(
    scans: Mapping[Path, Scan],
    targets: Mapping[Path, Path],
    request: Request,
    model: ScanModel | None,
    places: Places,
    job: Job,
) -> tuple[list[dict[str, Any]], dict[Path, str]]:
    """Reconstruct scans that share a model."""
    start = time.monotonic()
    try:
        ready, failures = prepare(scans, request, model, job)
    except KeyboardInterrupt:
        stopped(job)
        raise
    taught = next(iter(ready.values())).taught
    if places.save_model is not None and taught is not None:
        taught.model.save(places.save_model, overwrite=places.overwrite)
    facts: list[dict[str, Any]] = []
    for path, one in ready.items():
        try:
            found = finish(one, path, request, job.watch)
        except InputError as error:
            failures[path] = str(error)
        else:
            facts.append(_written(found, path, targets[path], places) | {"seconds": round(time.monotonic() - start, 3)})
            for beside in _sidecars(targets[path], scans[path]):
                beside.write_text(json.dumps(dict(scans[path].sidecar), indent=2) + "\n", encoding="utf-8")
    forget(job)
    return facts, failures


def _written(found: Reconstruction, path: Path, target: Path, places: Places) -> dict[str, Any]:
    """Write an image and its report."""
    command = {"command": shlex.join(["pellucid", *sys.argv[1:]])}
    image = replace(found.restoration, provenance=dict(found.restoration.provenance) | command)
    target.parent.mkdir(exist_ok=True)
    write(target, image, overwrite=places.overwrite, provenance=image.provenance)
    account = replace(found.account, title=target.name, provenance=image.provenance)
    report = report_path(target)
    replace(found, account=account).report.save(report)
    return {"input": str(path), "output": str(target), "report": str(report)} | dict(found.summary)


def _sidecars(target: Path, opened: Scan) -> tuple[Path, ...]:
    """Return where the facts of a series go: beside a NIfTI file, as BIDS asks."""
    nifti = target.name.lower().endswith((".nii", ".nii.gz"))
    return (target.with_name(stem(target) + ".json"),) if nifti and opened.sidecar else ()


def _distinct(targets: Sequence[Path]) -> None:
    twice = {target for target in targets if list(targets).count(target) > 1}
    if twice:
        raise InputError(f"Two scans would both become {twice.pop()}; reconstruct them into different folders.")


def _planned(path: Path, target: Path, opened: Scan, request: Request) -> dict[str, Any]:
    """Say what would be done."""
    where = {"input": str(path), "output": str(target), "report": str(report_path(target))}
    return where | {"method": request.method or opened.method, "notes": opened.notes, "quantity": opened.quantity}
