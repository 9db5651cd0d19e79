"""The same tasks on files: what the commands do."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pellucid.data.image import Image
from pellucid.data.io import check, create, expand, output_path, read, writable
from pellucid.data.prepare.repeats import Takes
from pellucid.errors import InputError
from pellucid.methods import card
from pellucid.report import page
from pellucid.tiling import Cancelled
from pellucid.training import package
from pellucid.workflows.application import Application
from pellucid.workflows.events import Event, Watch
from pellucid.workflows.learn import Job, Lesson
from pellucid.workflows.model import Model
from pellucid.workflows.options import Options
from pellucid.workflows.recordings import recorded, with_settings
from pellucid.workflows.session import learned, restored

Paths = Sequence[Path | str]
_SUFFIX = "_denoised"


@dataclass(frozen=True, kw_only=True)
class Files:
    """Where results go, and how.

    Parameters
    ----------
    output
        A file for one input, a folder for several; None: beside each input.
    save_model
        Where the model goes, or None.
    dtype
        ``float32``, or ``input``: rounded and clipped to the type of the input.
    overwrite
        Replace what is there.
    """

    output: Path | None = None
    save_model: Path | None = None
    dtype: Literal["float32", "input"] = "float32"
    overwrite: bool = False

    def targets(self, inputs: Sequence[Path]) -> list[Path]:
        """Return the output of every input.

        Raises
        ------
        InputError
            Where an output exists, or two inputs would have the same one.
        """
        into_folder = self.output is not None and (self.output.is_dir() and self.output.suffix != ".zarr")
        if self.output is not None and not into_folder and len(inputs) > 1:
            if self.output.suffix:
                raise InputError(f"{len(inputs)} images need a folder, but {self.output} names one file.")
            into_folder = True
        if self.output is None or into_folder:
            targets = [output_path(path, _SUFFIX, self.output) for path in inputs]
        else:
            targets = [self.output]
        twice = {t for t in targets if targets.count(t) > 1}
        if twice:
            raise InputError(f"Two inputs would both become {twice.pop()}; restore them into different folders.")
        if {t.resolve() for t in targets} & {p.resolve() for p in inputs}:
            raise InputError("The result would replace its input, which is never done: choose another name with -o.")
        if self.save_model is not None:
            package.writable(self.save_model, overwrite=self.overwrite)
        if into_folder and self.output is not None:
            self.output.mkdir(parents=True, exist_ok=True)
        for target in targets:
            writable(target, overwrite=self.overwrite)
            if report_path(target).exists() and not self.overwrite:
                raise InputError(
                    f"{report_path(target)} exists already: choose another name with -o, or add --overwrite."
                )
        return targets


def report_path(target: Path) -> Path:
    """Return where the report of an output lies.

    Examples
    --------
    >>> report_path(Path("cells_denoised.ome.tif")).name
    'cells_denoised.report.html'
    """
    return target.with_name(stem(target) + ".report.html")


def stem(path: Path) -> str:
    """Return the name of a file without its endings.

    Examples
    --------
    >>> stem(Path("cells.ome.tif")), stem(Path("brain.nii.gz")), stem(Path("day.1.tif"))
    ('cells', 'brain', 'day.1')
    """
    return path.stem.removesuffix(".ome").removesuffix(".nii") if path.suffix else path.name


def denoise_files(
    inputs: Paths,
    options: Options,
    *,
    output: Path | None = None,
    pairs: Paths = (),
    phase: Paths = (),
    each: bool = False,
    axes: str | None = None,
    channel: str | None = None,
    model: Path | None = None,
    save_model: Path | None = None,
    dtype: Literal["float32", "input"] = "float32",
    overwrite: bool = False,
    resume: bool = False,
    fill_nan: bool = False,
    dry_run: bool = False,
    watch: Watch,
    cancel: Callable[[], bool],
) -> list[dict[str, Any]]:
    """Denoise files, with a report beside each output; several inputs share one model unless `each`.

    Raises
    ------
    InputError
        In one sentence; nothing is written then.
    KeyboardInterrupt
        Where it was cancelled; a checkpoint is kept, and `resume` goes on from it.
    """
    start = time.monotonic()
    files = Files(output=output, save_model=save_model, dtype=dtype, overwrite=overwrite)
    paths = expand(inputs)
    others, phases = twins_of(paths, pairs), twins_of(paths, phase, "phases")
    targets = files.targets(paths)
    if options.method != "auto":
        card(options.method)
    reading = {"axes": axes, "channel": channel}
    images, second, angles = ([opened(p, reading, fill_nan) for p in some] for some in (paths, others, phases))
    for image in images:
        watch(Event("read", described(image)))
    if dry_run:
        return [_plan(image, target, options) for image, target in zip(images, targets, strict=True)]
    options = with_settings(options, phase=bool(phases))
    job = Job(options=options, deadline=options.deadline(start), resume=resume, watch=watch, cancel=cancel)
    made = [recorded(*together, options) for together in zip_longest(images, second, angles)]
    jobs = list(zip(made, targets, strict=True))
    if not each:
        return _group(jobs, job, files, model, start)
    return [summary for one in jobs for summary in _group([one], job, files, model, None)]


def _group(
    group: list[tuple[Takes, Path]],
    job: Job,
    files: Files,
    model: Path | None,
    start: float | None,
) -> list[dict[str, Any]]:
    """Denoise images that share a model; the budget began at `start`, or begins now."""
    if start is None:
        start = time.monotonic()
        job = replace(job, deadline=job.options.deadline(start))
    images, second = ([image for take, _ in group for image in take.learned[k : k + 1]] for k in (0, 1))
    target = group[0][1]
    job = replace(job, folder=target.with_name(stem(target) + ".checkpoint"))
    trained, lessons = trained_on(images, second, job, model)
    if files.save_model is not None:
        trained.save(files.save_model, overwrite=files.overwrite)
    application = Application(model=trained, device=trained.device, watch=job.watch, cancel=job.cancel)
    summaries = [written(application, take.image, take.second, path, files, lessons, start) for take, path in group]
    if model is None:
        forget(job)
    return summaries


def trained_on(
    images: list[Image], pairs: list[Image], job: Job, model: Path | None
) -> tuple[Model, tuple[Lesson, ...]]:
    """Return the model of a file, or train one."""
    if model is not None:
        return Model.load(model, job.options.place()), ()
    try:
        return learned(images, pairs, job)
    except KeyboardInterrupt:
        stopped(job)
        raise


def stopped(job: Job) -> None:
    """Tell that a job was stopped, and how to go on."""
    kept = job.folder is not None and job.folder.is_dir()
    job.watch(Event("train", f"Stopped. {f'{job.folder} keeps the state; add --resume to go on.' if kept else ''}"))


def forget(job: Job) -> None:
    """Remove the checkpoints of a job that is done, and their folder unless it holds anything else."""
    if job.folder is not None and job.folder.is_dir():
        for checkpoint in job.folder.glob("*.safetensors"):
            checkpoint.unlink()
        with suppress(OSError):
            job.folder.rmdir()


def written(
    application: Application,
    image: Image,
    pair: Image | None,
    target: Path,
    files: Files,
    lessons: tuple[Lesson, ...],
    start: float,
) -> dict[str, Any]:
    """Restore one image into its file, and write its report."""
    dtype = image.dtype if files.dtype == "input" and image.dtype.kind != "c" else np.dtype(np.float32)
    provenance = dict(application.model.provenance) | {"command": shlex.join(["pellucid", *sys.argv[1:]])}
    model = replace(application.model, provenance=provenance)
    try:
        with create(target, image, image.shape, dtype, overwrite=files.overwrite, provenance=provenance) as writer:
            facts, found = restored(replace(application, model=model), image, pair, writer, dtype, lessons)
    except Cancelled:
        raise KeyboardInterrupt from None
    report = report_path(target)
    page.write(found, report)
    source = str(image.source) if image.source else None
    where = {"input": source, "output": str(target), "report": str(report)}
    return where | facts | {"seconds": round(time.monotonic() - start, 3)}


def twins_of(paths: Sequence[Path], pairs: Paths, called: str = "pairs") -> list[Path]:
    """Return the second recording, or the phase, of every input, or nothing where there are none."""
    others = expand(pairs) if pairs else []
    if others and len(others) != len(paths):
        raise InputError(f"{len(paths)} inputs came with {len(others)} {called}; give one for each input.")
    return others


def opened(path: Path, reading: dict[str, str | None], fill_nan: bool) -> Image:
    """Read a file and check that it can be denoised."""
    return check(read(path, **reading), fill_nan=fill_nan)


def described(image: Image) -> str:
    """Say how an image was read.

    Examples
    --------
    >>> described(Image(data=np.zeros((3, 64, 64)), axes="TYX", source=Path("cells.tif")))
    'Read cells.tif as TYX (3, 64, 64); change with --axes.'
    """
    size = f", pixel {image.scale['X']:.4g} {image.units.get('X', '')}".rstrip() if "X" in image.scale else ""
    return f"Read {image.name} as {image.axes} {image.shape}{size}; change with --axes."


def _plan(image: Image, target: Path, options: Options) -> dict[str, Any]:
    """Say what would be done."""
    budget = f"{options.steps} steps" if options.steps is not None else f"{options.seconds:.0f} s"
    why = f"A dry run: {described(image)} Training would take {budget} on {options.place()}."
    return {
        "input": str(image.source),
        "output": str(target),
        "report": str(report_path(target)),
        "method": options.method,
        "why": why,
    }
