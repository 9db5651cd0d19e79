"""Sample: from a noisy image to many that may lie behind it, their mean and their spread."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.image import Image
from pellucid.data.io import Writer, check, create, expand, writable
from pellucid.errors import InputError
from pellucid.methods import card
from pellucid.report import page
from pellucid.training import package
from pellucid.workflows.denoise import Report, opened_as
from pellucid.workflows.events import Event, Watch, silent
from pellucid.workflows.files import Files, described, forget, opened, report_path, stem, stopped, trained_on, written
from pellucid.workflows.learn import Job, Lesson
from pellucid.workflows.model import Model
from pellucid.workflows.options import Options, duration
from pellucid.workflows.sampling import Sampling, able
from pellucid.workflows.session import learned, restored

__all__ = ["Samples", "sample", "sample_files"]

_MOST = 4096  # draws


@dataclass(frozen=True, kw_only=True)
class Samples:
    """What `sample` returns; all images are float32, in the units of the input.

    Parameters
    ----------
    draws
        Images that may have been recorded without noise, along a first axis S, or T where the input has an S: made by a
        network, and marked so (``generated`` in their provenance).
    mean, spread
        Mean and standard deviation of the draws.
    likeliest
        Where the draws are densest, or None where it was not asked for.
    model
        What was drawn from.
    report
        The page that says whether to believe the mean.
    summary
        The facts of `pellucid sample --json`.
    """

    draws: Image
    mean: Image
    spread: Image
    likeliest: Image | None
    model: Model
    report: Report
    summary: Mapping[str, Any]


def sample(
    noisy: Image | np.ndarray[Any, Any] | str | Path,
    *,
    draws: int = 16,
    likeliest: bool = False,
    axes: str | None = None,
    method: str = "divnoising",
    model: Model | str | Path | None = None,
    budget: str | float = "60s",
    steps: int | None = None,
    watch: Watch = silent,
    **options: Any,
) -> Samples:
    """Draw images that may lie behind a noisy one.

    Parameters
    ----------
    noisy, axes, budget, steps, watch, options
        As in `denoise`.
    draws
        How many.
    likeliest
        Whether to look for the image where the draws are densest (MAP).
    method
        One that has a posterior.
    model
        One of `denoise`, or where it was saved; then none is trained.

    Raises
    ------
    InputError
        Where the method has no posterior or the image cannot be restored, in one sentence.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> noisy = 50 + 20 * np.hypot(*np.mgrid[-1:1:64j, -1:1:64j]) + rng.normal(0, 3, (64, 64))
    >>> samples = sample(noisy.astype("float32"), draws=2, steps=1)
    >>> samples.draws.axes, samples.draws.shape, samples.draws.provenance["generated"]
    ('SYX', (2, 64, 64), True)
    """
    start = time.monotonic()
    seconds = None if steps is not None else duration(budget)
    chosen = Options(method=method, seconds=seconds, steps=steps, **options)
    image = check(opened_as(noisy, axes))
    require(chosen.method if model is None else None, image, draws)
    lessons: tuple[Lesson, ...] = ()
    if model is None:
        model, lessons = learned([image], [], Job(options=chosen, deadline=chosen.deadline(start), watch=watch))
    elif not isinstance(model, Model):
        model = Model.load(model, chosen.place())
    names = ("draws", "spread", "map") if likeliest else ("draws", "spread")
    like = images_like(image, names, draws, model.provenance, chosen.seed)
    out = {name: np.zeros(shape, np.float32) for name, (_, shape) in like.items()}
    mean = np.zeros(image.shape, np.float32)
    application = Sampling(model=model, device=model.device, watch=watch, draws=draws, seed=chosen.seed, writers=out)
    facts, found = restored(application, image, None, mean, np.dtype(np.float32), lessons)
    made = {name: like[name][0].with_data(out[name]) for name in names}
    return Samples(
        draws=made["draws"],
        mean=replace(image.with_data(mean), provenance=model.provenance),
        spread=made["spread"],
        likeliest=made.get("map"),
        model=model,
        report=Report(page.page(found)),
        summary=facts | {"draws": draws, "generated": True},
    )


def sample_files(
    path: Path,
    options: Options,
    *,
    draws: int,
    likeliest: bool = False,
    output: Path | None = None,
    axes: str | None = None,
    channel: str | None = None,
    model: Path | None = None,
    save_model: Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    fill_nan: bool = False,
    watch: Watch = silent,
    cancel: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Write draws of what lies behind a noisy file, their mean and spread, maybe their mode, and a report on the mean.

    Raises
    ------
    InputError
        In one sentence; nothing is written then.
    KeyboardInterrupt
        Where it was cancelled; a checkpoint is kept, and `resume` goes on from it.
    """
    start, paths = time.monotonic(), expand([path])
    if len(paths) > 1:
        raise InputError(f"{path} holds {len(paths)} images, and draws are made of one at a time; name one.")
    names = ("mean", "draws", "spread", *(("map",) if likeliest else ()))
    image = opened(paths[0], {"axes": axes, "channel": channel}, fill_nan)
    require(options.method if model is None else None, image, draws)
    places = places_of(paths[0], output, names, save_model, overwrite=overwrite)
    watch(Event("read", described(image)))
    job = job_of(places["mean"].parent, options, start, resume=resume, watch=watch, cancel=cancel)
    trained, lessons = trained_on([image], [], job, model)
    if save_model is not None:
        trained.save(save_model, overwrite=overwrite)
    device, seed = trained.device, options.seed
    sampling = Sampling(model=trained, device=device, watch=watch, cancel=cancel, draws=draws, seed=seed)
    try:
        summary = _drawn(sampling, image, places, lessons, overwrite, start)
    except KeyboardInterrupt:
        stopped(job)
        raise
    if model is None:
        forget(job)
    return summary


def _drawn(
    sampling: Sampling,
    image: Image,
    places: Mapping[str, Path],
    lessons: tuple[Lesson, ...],
    overwrite: bool,
    start: float,
) -> dict[str, Any]:
    """Draw into files, and write the report on the mean."""
    names = [name for name in places if name != "mean"]
    like = images_like(image, names, sampling.draws, sampling.model.provenance, sampling.seed)
    to = places["mean"].parent
    with ExitStack() as files:
        files.enter_context(_folder(to))
        writers: dict[str, Writer] = {
            name: files.enter_context(create(places[name], one, shape, np.float32, overwrite=overwrite))
            for name, (one, shape) in like.items()
        }
        application = replace(sampling, writers=writers)
        summary = written(application, image, None, places["mean"], Files(overwrite=overwrite), lessons, start)
    made = {name: str(place) for name, place in places.items()}
    return summary | {"output": str(to), "files": made, "draws": sampling.draws, "generated": True}


@contextmanager
def _folder(to: Path) -> Iterator[None]:
    """Make a folder if there is none, and take it back where nothing comes into it."""
    found = to.is_dir()
    to.mkdir(exist_ok=True)
    try:
        yield
    finally:
        if not found:
            with suppress(OSError):
                to.rmdir()


def require(method: str | None, image: Image, draws: int) -> None:
    """Refuse a method that has no posterior, a number of draws that has no spread, an image with no axis for them."""
    if method is not None and "draws" not in card(method).gives:
        raise InputError(f"{method} has no posterior to draw from; these methods have: {able()}.")
    if not 2 <= draws <= _MOST:
        raise InputError(f"Draws are 2 to {_MOST}: one has no mean and no spread; {draws} were asked for.")
    if {"S", "T"} <= set(image.axes):
        raise InputError(f"Draws need an axis S or T, and {image.name} is {image.axes}; sample one S at a time.")


def job_of(to: Path, options: Options, start: float, **how: Any) -> Job:
    """Return the job of a training whose checkpoints lie beside the folder of the results."""
    return Job(options=options, deadline=options.deadline(start), folder=to.with_name(f"{to.name}.checkpoint"), **how)


def places_of(
    path: Path, output: Path | None, names: Sequence[str], save_model: Path | None, *, overwrite: bool
) -> dict[str, Path]:
    """Return where each image goes, in a folder that may be yet to make; refuse what cannot be written."""
    folder = output or path.with_name(f"{stem(path)}_samples")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"Samples are several files, and go into a folder; {folder} is a file: choose another -o.")
    places = {name: folder / f"{stem(path)}_{name}.ome.tif" for name in names}
    for place in (*places.values(), report_path(places["mean"])):
        if place.exists() and not overwrite:
            raise InputError(f"{place} exists already: choose another folder with -o, or add --overwrite.")
    writable((folder if folder.is_dir() else folder.parent) / places["mean"].name, overwrite=True)
    if save_model is not None:
        package.writable(save_model, overwrite=overwrite)
    return places


def images_like(
    image: Image, names: Iterable[str], draws: int, provenance: Mapping[str, Any], seed: int
) -> dict[str, tuple[Image, tuple[int, ...]]]:
    """Return what each written image is like, and its shape: draws have a first axis of their own."""
    made = dict(provenance) | {"command": shlex.join(["pellucid", *sys.argv[1:]]), "draws": draws, "draw_seed": seed}
    axis = "T" if "S" in image.axes else "S"
    like = {}
    for name in names:
        note = made | {"holds": name} | ({} if name == "spread" else {"generated": True})
        stacked = name == "draws"
        axes, shape = (axis + image.axes, (draws, *image.shape)) if stacked else (image.axes, image.shape)
        like[name] = replace(image, axes=axes, provenance=note), shape
    return like
