"""Reconstruct: from what an instrument recorded to an image, with a report on how well it explains the data."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods import Method, card, checked, function
from pellucid.operators import LinearOperator
from pellucid.restoration import Restoration
from pellucid.workflows import contest
from pellucid.workflows.clean import GENERATED
from pellucid.workflows.contest import Contender
from pellucid.workflows.events import Event, Watch, alive, silent
from pellucid.workflows.evidence import versions
from pellucid.workflows.learn import Job
from pellucid.workflows.model import Model
from pellucid.workflows.options import duration
from pellucid.workflows.reconstruction import Reconstruction, told
from pellucid.workflows.request import AUTO, Request
from pellucid.workflows.scan import Scan, scan
from pellucid.workflows.scan_learning import on
from pellucid.workflows.scan_model import ScanModel
from pellucid.workflows.scan_score import Reserve, marked, reserve
from pellucid.workflows.session import file_hash
from pellucid.workflows.teaching import Taught, given, instructed, learnable, teach, within

Ask = Callable[[Measurement, Method], Restoration]  # for the image of a method


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A scan, and the methods that are ready to reconstruct it.

    Parameters
    ----------
    opened, data
        As it was read, and on the device.
    reserved
        Its parts, or None where nothing is compared.
    rivals
        Classical methods by name.
    taught
        The learned one, or None.
    notes
        What was not compared, and why.
    """

    opened: Scan
    data: Measurement
    reserved: Reserve | None = None
    rivals: Mapping[str, Contender] = field(default_factory=dict)
    taught: Taught | None = None
    notes: tuple[str, ...] = ()


def reconstruct(
    path: str | Path,
    *,
    modality: str,
    method: str | None = None,
    settings: Mapping[str, Any] | None = None,
    train: str | Path | None = None,
    clean: str | Path | None = None,
    model: str | Path | None = None,
    budget: str | float | None = None,
    steps: int | None = None,
    device: str = "auto",
    seed: int = 0,
    watch: Watch = silent,
    cancel: Callable[[], bool] = lambda: False,
    **geometry: Any,
) -> Reconstruction:
    """Reconstruct an image from a scan, by a classical method or by one that learns from the measurements alone.

    Parameters
    ----------
    path
        The scan.
    modality
        The kind of instrument: ``mri``, ``ct``, ...; `pellucid modalities` lists them.
    method
        A name from ``pellucid.methods.names("reconstruct")``, or ``auto``, which takes what predicts unseen
        measurements best; the usual one of the modality unless given.
    settings
        Of the method, by name.
    train
        A folder of scans of the same modality, or one, to train on; the scan itself unless given.
    clean
        A folder of clean images of other objects, or one, for methods that learn from both.
    model
        A trained reconstruction, or a denoiser for ``pnp`` and ``red``.
    budget, steps
        Time for a training, such as ``10m`` (the default), or steps in its place.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:0``.
    seed
        All randomness follows from it.
    watch, cancel
        Told of progress; asked whether to stop.
    geometry
        What the file may not say, such as ``wavelength_nm``; `pellucid modalities NAME` lists it.

    Raises
    ------
    InputError
        Where the scan cannot be reconstructed, in one sentence.
    KeyboardInterrupt
        Where it was cancelled.
    """
    request = Request(
        modality=modality,
        method=method,
        settings=settings or {},
        geometry=geometry,
        train=None if train is None else Path(train),
        clean=None if clean is None else Path(clean),
        model=None if model is None else Path(model),
        seconds=None if budget is None else duration(budget),
        steps=steps,
        device=device,
        seed=seed,
    )
    started, start = time.monotonic(), request.check()
    opened = scan(Path(path), modality, geometry)
    for note in opened.notes:
        watch(Event("read", note))
    options = request.options
    job = Job(options=options, deadline=options.deadline(started), watch=watch, cancel=cancel)
    ready, _ = prepare({Path(path): opened}, request, start, job)
    return finish(ready[Path(path)], Path(path), request, watch)


def deconvolve(path: str | Path, **options: Any) -> Reconstruction:
    """Deconvolve an image: `reconstruct` with a point spread function, measured or computed.

    Parameters
    ----------
    path
        The image.
    options
        As in `reconstruct`; the geometry holds ``psf``, or ``na``, ``wavelength_nm`` and what else there is to know.
    """
    return reconstruct(path, modality="deconvolution", **options)


def prepare(
    scans: Mapping[Path, Scan], request: Request, start: ScanModel | None, job: Job
) -> tuple[dict[Path, Ready], dict[Path, str]]:
    """Compare classical methods, and train what is learned; return what is ready, and why other scans are not.

    Raises
    ------
    InputError
        Where no scan is ready.
    KeyboardInterrupt
        Where it was cancelled; the folder of the job keeps the state.
    """
    device, auto = job.options.place(), request.method == AUTO
    data = {path: on(opened.measurement, device) for path, opened in scans.items()}
    learnable(data.values(), request)
    if not (request.learns or request.applies) or (auto and request.modality not in contest.AUTO):
        return {path: Ready(opened=scans[path], data=data[path]) for path in scans}, {}
    for path, measurement in data.items():
        if not isinstance(measurement.operator, LinearOperator):
            raise InputError(
                f"A network learns from linear instruments only, and {request.modality} is none: use --method "
                f"{scans[path].method}."
            )
    parts, failures = _divided(data, request.modality)
    left = {path: part.left for path, part in parts.items()}

    def compared() -> dict[Path, tuple[dict[str, Contender], tuple[str, ...]]]:
        usual = {path: contest.usual(request.modality, scans[path].method, auto=auto) for path in parts}
        return {path: contest.classical(usual[path], part, job) for path, part in parts.items()}

    if auto:
        rivals, (taught, notes) = compared(), _taught(left, request, start, job)
    else:  # a training says early what is wrong
        (taught, notes), rivals = _taught(left, request, start, job), compared()
    ready = {
        path: Ready(
            opened=scans[path],
            data=data[path],
            reserved=part,
            rivals=rivals[path][0],
            taught=taught,
            notes=rivals[path][1] + notes,
        )
        for path, part in parts.items()
    }
    return ready, failures


def _divided(data: Mapping[Path, Measurement], modality: str) -> tuple[dict[Path, Reserve], dict[Path, str]]:
    """Take the samples that only judge away from every scan; return also why some cannot be divided."""
    parts: dict[Path, Reserve] = {}
    failures: dict[Path, str] = {}
    for path, measurement in data.items():
        try:
            parts[path] = reserve(measurement, modality)
        except InputError as error:
            failures[path] = str(error)
    if not parts:
        raise InputError(next(iter(failures.values())))
    return parts, failures


def _taught(
    left: Mapping[Path, Measurement], request: Request, start: ScanModel | None, job: Job
) -> tuple[Taught | None, tuple[str, ...]]:
    """Return the learned method, and why there is none where `auto` can do without it."""
    if start is not None and request.applies:
        return instructed(given(start, request.modality, next(iter(left.values()))), left), ()
    if request.method != AUTO:
        assert request.method is not None
        return instructed(teach(request.method, left, request, start, job), left), ()
    name = contest.learned_for(request.modality, many=request.train is not None or len(left) > 1)
    if name is None:
        return None, (f"There is no learned method for {request.modality} yet.",)
    try:
        return teach(name, left, request, None, within(job)), ()
    except InputError as error:
        return None, (f"{name} was not compared: {error}",)


def finish(ready: Ready, path: Path, request: Request, watch: Watch, ask: Ask = contest.answer) -> Reconstruction:
    """Reconstruct a scan from all of its measurements, by the method that was asked for or predicts best.

    Raises
    ------
    InputError
        Where no finite image is found.
    """
    name, opened = request.method or ready.opened.method, ready.opened
    taught, contenders = ready.taught, dict(ready.rivals)
    if ready.reserved is not None and taught is not None:
        began = time.monotonic() - taught.seconds
        contenders[taught.name] = contest.contend(taught.name, taught.method, ready.reserved, began)
        name = taught.name
    if request.method == AUTO:
        name = min(contenders, key=lambda n: contenders[n].score.error, default=opened.method)
    doing = f"Reconstructing with {card(name, 'reconstruct').title} on {ready.data.y.device}"
    watch(Event("reconstruct", f"{doing}."))
    with alive(watch, "reconstruct", doing):
        method = contenders[name].method if name in contenders else _classical(name, ready.data, request)
        restoration = ask(ready.data, method)
    if not restoration.image.isfinite().all():
        raise InputError(f"{name} found no finite image in {path.name}; try --method cg, or look at the geometry.")
    scores = marked(tuple(one.score for one in contenders.values()), name)
    provenance = _provenance(name, ready, path, request)
    made_up = (GENERATED,) if "generated" in provenance else ()
    opened = replace(opened, notes=opened.notes + ready.notes + made_up)
    beaten_by = contest.surely_best(contenders, name) if name in contenders else None
    parts = opened, ready.data, method, restoration, provenance
    return told(*parts, scores=scores, taught=taught, beaten_by=beaten_by)


def _provenance(name: str, ready: Ready, path: Path, request: Request) -> dict[str, Any]:
    """Return what repeats a reconstruction."""
    learned = ready.taught is not None and ready.taught.name == name
    made = dict(ready.taught.model.provenance) if ready.taught is not None and learned else {}
    inputs = {str(file): file_hash(file) for file in files_of(path, request)}
    return {
        "modality": request.modality,
        "method": name,
        "settings": made.get("settings", dict(request.settings)),
        "geometry": {key: str(value) for key, value in request.geometry.items()},
        "notes": list(ready.opened.notes),
        "seed": request.seed,
        "device": str(ready.data.y.device),
        "inputs": inputs,
        **({"training": made} if made else {}),
        **({"generated": True} if "generated" in card(name, "reconstruct").gives else {}),
        "versions": versions(),
    }


def _classical(name: str, measurement: Measurement, request: Request) -> Method:
    """Return a method that is not trained, made for this measurement."""
    settings = request.settings if request.method == name else {}
    chosen = checked(name, settings, "reconstruct")
    if request.model is not None:
        chosen["denoiser"] = Model.load(request.model, measurement.y.device).channels[0].restorer
    rng = torch.Generator(measurement.y.device).manual_seed(request.seed)
    made: Method = function(name, "reconstruct")(measurement, rng=rng, **chosen)
    return made


def files_of(path: Path, request: Request) -> list[Path]:
    """Return all files that a reconstruction is made from: the scan, those that its geometry names, the model."""
    named = [value for value in (*request.geometry.values(), request.model) if isinstance(value, Path)]
    return [path, *(file for file in named if file.exists())]
