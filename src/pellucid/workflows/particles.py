"""Learn from the images of many particles of one molecule: a density, densities, or poses."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pellucid._math.seeds import generator
from pellucid.data.io import star_writing, writable, write
from pellucid.errors import InputError
from pellucid.report import particles as report
from pellucid.report.picture import grey, png, window
from pellucid.report.saving import save
from pellucid.workflows.events import Event, Watch, silent
from pellucid.workflows.evidence import versions
from pellucid.workflows.files import forget, report_path, stem
from pellucid.workflows.learn import Job
from pellucid.workflows.options import duration
from pellucid.workflows.particles_conformations import additions, conformations
from pellucid.workflows.particles_density import density
from pellucid.workflows.particles_poses import poses
from pellucid.workflows.particles_stack import Reading, stack
from pellucid.workflows.particles_training import Found, Request
from pellucid.workflows.session import file_hash

__all__ = ["Found", "particles", "particles_files"]

_WAYS = {"cryogan": density, "multi_cryogan": conformations, "spatial_vae": poses}


def particles(
    path: str | Path,
    *,
    method: str = "cryogan",
    settings: Mapping[str, Any] | None = None,
    star: str | Path | None = None,
    symmetry: str = "C1",
    shift: float | None = None,
    halves: bool = False,
    truth: str | Path | None = None,
    budget: str | float | None = None,
    steps: int | None = None,
    device: str = "auto",
    seed: int = 0,
    watch: Watch = silent,
    cancel: Callable[[], bool] = lambda: False,
    **reading: Any,
) -> Found:
    """Learn from particles of one molecule in unknown poses.

    What is found was generated: it is a model of the distribution of the images.

    Parameters
    ----------
    path
        MRC stack of particles, or a STAR file that names one or more.
    method
        ``cryogan``: one density. ``multi_cryogan``: densities of a molecule that moves. ``spatial_vae``: poses in the
        plane, and how the shape varies.
    settings
        Of the method, by name.
    star
        STAR file of the stack, with its contrast transfer.
    symmetry
        Point group of the density, such as ``D2``.
    shift
        Standard deviation of the particles about the centres of their images in recorded pixels; one hundredth of the
        edge unless given.
    halves
        Whether to train on each half of the particles too, and compare.
    truth
        A map to compare with.
    budget, steps
        Time for all trainings, such as ``10m`` (the default), or steps of each in its place.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:0``.
    seed
        All randomness follows from it.
    watch, cancel
        Told of progress; asked whether to stop.
    reading
        Size, mask_radius, pixel_size_angstrom, invert, background, data_dir: as in `Reading`, paths as `Path`.

    Raises
    ------
    InputError
        Where it cannot be learned from the particles, in one sentence.
    KeyboardInterrupt
        Where it was cancelled.
    """
    request = Request(
        method=method,
        settings=settings or {},
        reading=Reading(star=None if star is None else Path(star), **reading),
        symmetry=symmetry,
        shift=shift,
        halves=halves,
        truth=None if truth is None else Path(truth),
        seconds=None if budget is None else duration(budget),
        steps=steps,
        device=device,
        seed=seed,
    )
    request.check()
    return _learned(Path(path), request, Job(options=request.options, deadline=None, watch=watch, cancel=cancel))


def particles_files(
    path: Path,
    request: Request,
    output: Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    watch: Watch = silent,
    cancel: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Learn from particles, write what was found with a report beside it, and return the facts.

    Raises
    ------
    InputError
        In one sentence; nothing is written then.
    KeyboardInterrupt
        Where it was cancelled; a checkpoint is kept, and `resume` goes on from it.
    """
    start = time.monotonic()
    request.check()
    _check_places(output, request, overwrite)
    folder = output.with_name(stem(output) + ".checkpoint")
    job = Job(options=request.options, deadline=None, folder=folder, resume=resume, watch=watch, cancel=cancel)
    fresh = not folder.exists()
    try:
        found = _learned(path, request, job)
    except InputError:
        if fresh:
            forget(job)
        raise
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"cancelled; {folder} keeps the state, and --resume goes on from it") from None
    written = _written(found, output, request, overwrite)
    forget(job)
    where = {"input": str(path), "output": str(output), "report": str(report_path(output)), "files": written}
    return where | dict(found.facts) | {"seconds": round(time.monotonic() - start, 3)}


def _learned(path: Path, request: Request, job: Job) -> Found:
    """Read the particles and learn from them."""
    read = stack(path, request.reading, generator("cpu", request.seed, 1 << 23)).to(request.options.place())
    for note in (*read.notes, *read.warnings):
        job.watch(Event("read", note))
    provenance = _provenance(request, read.files)
    found = _WAYS[request.method](read, request, job, provenance)
    common = {"method": request.method, "generated": True, "particles": len(read.y), "size": read.size}
    common |= {"pixel_size_angstrom": read.pixel_size_angstrom, "notes": list(found.account.notes)}
    told = {"warnings": list(found.account.warnings), "verdict": "amber" if found.account.warnings else None}
    return replace(found, facts=common | told | dict(found.facts))


def _provenance(request: Request, files: tuple[Path, ...]) -> dict[str, Any]:
    """Return what repeats the result; what marks it as generated comes first, for formats that keep little."""
    reading = request.reading
    return {
        "generated": True,
        "method": request.method,
        "settings": {key: str(value) for key, value in request.settings.items()},
        "size": reading.size,
        "mask_radius": reading.mask_radius,
        "pixel_size_angstrom": reading.pixel_size_angstrom,
        "invert": reading.invert,
        "symmetry": request.symmetry,
        "shift": request.shift,
        "halves": request.halves,
        "steps": request.steps,
        "seconds": request.options.seconds,
        "seed": request.seed,
        "device": str(request.options.place()),
        "inputs": {str(file): file_hash(file) for file in files},
        "versions": versions(),
    }


def output_of(path: Path, output: Path | None, method: str) -> Path:
    """Return the file that the result of a method goes to: beside the particles unless given.

    Examples
    --------
    >>> output_of(Path("run/particles.mrcs"), None, "cryogan").name
    'particles_map.mrc'
    """
    ending = "_poses.star" if method == "spatial_vae" else "_map.mrc"
    return path.parent / (stem(path) + ending) if output is None else output


def _targets(output: Path, request: Request) -> dict[str, Path]:
    """Return every file that will be written, by what is added to the name of the output."""
    if request.method == "spatial_vae":
        endings = {"": ".star", "_means": ".mrcs", "_traversal": ".png"}
    elif request.method == "multi_cryogan":
        endings = dict.fromkeys(additions(request), ".mrc")
    else:
        endings = dict.fromkeys(["", "_half1", "_half2"] if request.halves else [""], ".mrc")
    if output.suffix != endings[""]:
        raise InputError(f"{request.method} writes {endings['']}: choose a name that ends so, not {output.name}.")
    return {added: output.with_name(stem(output) + added + ending) for added, ending in endings.items()}


def _check_places(output: Path, request: Request, overwrite: bool) -> None:
    """Refuse places where nothing can be written, before time is spent."""
    for target in _targets(output, request).values():
        (star_writing.writable if target.suffix == ".star" else writable)(target, overwrite=overwrite)
    if report_path(output).exists() and not overwrite:
        raise InputError(f"{report_path(output)} exists already: choose another name with -o, or add --overwrite.")


def _written(found: Found, output: Path, request: Request, overwrite: bool) -> list[str]:
    """Write what was found, the report last; return the names of the files."""
    targets = _targets(output, request)
    provenance = {**found.account.provenance, "command": shlex.join(["pellucid", *sys.argv[1:]])}
    for added, image in found.images.items():
        write(targets[added], image, overwrite=overwrite, provenance=provenance)
    if found.tables:
        comment = json.dumps(provenance, default=str)
        star_writing.write(targets[""], found.tables, comment=comment, overwrite=overwrite)
    if found.picture is not None:
        save(png(grey(found.picture, window(found.picture))), targets["_traversal"])
    account = replace(found.account, title=output.name, provenance=provenance)
    save(report.page(account).encode(), report_path(output))
    return [str(target) for target in targets.values()]
