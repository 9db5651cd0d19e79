"""What a set of scans teaches: a trained reconstruction, and the model that keeps it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods import Method, settings
from pellucid.methods.reconstruct.learned import doubts
from pellucid.operators import LearnableBlur
from pellucid.training import History
from pellucid.training.watch import table
from pellucid.workflows.clean import clean_images
from pellucid.workflows.contest import build, resolved
from pellucid.workflows.evidence import versions
from pellucid.workflows.learn import Job, divergence
from pellucid.workflows.request import Request
from pellucid.workflows.resuming import begin
from pellucid.workflows.scan_files import training_set
from pellucid.workflows.scan_learning import train_on
from pellucid.workflows.scan_model import Facts, ScanModel
from pellucid.workflows.scan_score import reserve
from pellucid.workflows.session import file_hash


@dataclass(frozen=True, kw_only=True)
class Taught:
    """A learned method that is ready.

    Parameters
    ----------
    method, model
        With its weights; to be saved.
    histories
        Of each stage; empty where a model was given.
    seconds
        Of the training.
    warnings
        What to doubt of it.
    """

    method: Method
    model: ScanModel
    histories: tuple[History, ...] = ()
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of the method."""
        return self.model.facts.method


def teach(name: str, scans: Mapping[Path, Measurement], request: Request, start: ScanModel | None, job: Job) -> Taught:
    """Train a method on the scans of a folder, or on those that are to be reconstructed, less what is reserved.

    Parameters
    ----------
    name
        Of the method.
    scans
        To be reconstructed, without the reserved samples.
    request
        Names the folder.
    start
        The model whose weights it starts from, or None.
    job
        Budget, seed, checkpoints.

    Raises
    ------
    InputError
        Where nothing can be learned from the scans.
    KeyboardInterrupt
        Where it was cancelled.
    """
    began, example = time.monotonic(), next(iter(scans.values()))
    given = resolved(name, _settings(name, request, start), example.y.device)
    clean = None if request.clean is None else clean_images(request, example, scans)
    method = build(name, example, given, request.seed, **({} if clean is None else {"clean": clean.images}))
    facts = Facts.of(request.modality, name, given, example)
    if start is not None:
        start.put(method, facts)
    warnings = method.warnings + (() if clean is None else clean.left_out)
    if request.train is not None:
        scans, left_out = _others(request, method, job)
        warnings += left_out
    warnings += doubts(list(scans.values())) if example.y.is_complex() and clean is None else ()
    files = [*scans, *([request.model] if request.model else []), *(clean.files if clean else ())]
    provenance = {
        "modality": request.modality,
        "method": name,
        "settings": given,
        "geometry": {key: str(value) for key, value in request.geometry.items()},
        "seed": request.seed,
        "inputs": {str(file): file_hash(file) for file in files},
        "versions": versions(),
    }
    begin(job, provenance)
    histories = train_on(list(scans.values()), method, name, job)
    warnings += tuple(sentence for history in histories for sentence in divergence(history))
    provenance |= {"steps": [each.steps for each in histories], "validation": [each.lowest for each in histories]}
    rows = [{"stage": k} | row for k, history in enumerate(histories) for row in history.rows]
    weights = {key: value.detach().cpu().clone() for key, value in method.model.state_dict().items()}
    model = ScanModel(facts=facts, weights=weights, provenance=provenance, history=table(rows))
    took = time.monotonic() - began
    return Taught(method=method, model=model, histories=histories, seconds=took, warnings=warnings)


def _settings(name: str, request: Request, start: ScanModel | None) -> Mapping[str, Any]:
    """Return what is asked for; a network that starts from another one is built alike."""
    if start is None:
        return request.settings
    alike = {key: start.facts.settings[key] for key in ("preset", "start") if key in start.facts.settings}
    if start.facts.method != name:
        alike["start"] = "backprojection"  # as all unrolled networks begin
    known = settings(name, "reconstruct")
    return {key: value for key, value in alike.items() if key in known} | dict(request.settings)


def _others(request: Request, method: Method, job: Job) -> tuple[dict[Path, Measurement], tuple[str, ...]]:
    """Return the scans of the folder, less what is reserved, and what to doubt."""
    assert request.train is not None
    opened, warnings = training_set(request.train, request.modality, request.geometry, job.watch)
    found: dict[Path, Measurement] = {}
    for path, scan in opened.items():
        try:
            left = reserve(scan.measurement, request.modality).left
            if method.split is not None and hasattr(method.split, "check"):
                method.split.check(left)
        except InputError as error:
            warnings += (f"{path.name} was left out of the training: {error}",)
        else:
            found[path] = left
    if not found:
        raise InputError(f"No scan of {request.train} can be trained on; {warnings[-1]}")
    return found, warnings


def given(model: ScanModel, modality: str, example: Measurement) -> Taught:
    """Return a model that is used as it is."""
    return Taught(method=model.build(modality, example), model=model)


def instructed(taught: Taught, scans: Mapping[Path, Measurement]) -> Taught:
    """Return a learned method, whose instruments were told what it learned of them."""
    if taught.method.tell is not None:
        for scan in scans.values():
            taught.method.tell(scan.operator)
    return taught


def learnable(scans: Iterable[Measurement], request: Request) -> None:
    """Refuse an instrument that is to be learned, but for a method that can.

    Raises
    ------
    InputError
        In one sentence.
    """
    unknown = any(isinstance(part, LearnableBlur) for scan in scans for part in scan.operator.modules())
    if unknown and not (request.unpaired or request.applies):
        raise InputError("Only ot_cyclegan learns a PSF: add --method ot_cyclegan and --clean FOLDER, or give the PSF.")


def within(job: Job) -> Job:
    """Return a job whose training has half of its budget at least, whatever was done before."""
    if job.deadline is None or job.options.seconds is None:
        return job
    return replace(job, deadline=max(job.deadline, time.monotonic() + 0.5 * job.options.seconds))
