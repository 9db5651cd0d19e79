"""Denoise: from noisy images to restored ones, with a report on each."""

from __future__ import annotations

import tempfile
import time
import webbrowser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.image import Image
from pellucid.data.io import check, read, write
from pellucid.errors import InputError
from pellucid.report import page
from pellucid.report.saving import save
from pellucid.workflows.application import Application
from pellucid.workflows.events import Watch, silent
from pellucid.workflows.files import denoise_files
from pellucid.workflows.learn import Job, Lesson
from pellucid.workflows.model import Model
from pellucid.workflows.options import Options, duration
from pellucid.workflows.recordings import recorded, with_settings
from pellucid.workflows.session import learned, restored

__all__ = ["Options", "Report", "Result", "apply", "denoise", "denoise_files"]


@dataclass(frozen=True)
class Report:
    """The page that says whether to believe an image, as HTML that needs nothing else."""

    html: str

    def save(self, path: str | Path) -> Path:
        """Write the page."""
        save(self.html.encode(), Path(path))
        return Path(path)

    def show(self) -> None:
        """Open the page in a browser."""
        folder = Path(tempfile.mkdtemp(prefix="pellucid-"))
        webbrowser.open(self.save(folder / "report.html").as_uri())


@dataclass(frozen=True, kw_only=True)
class Result:
    """What `denoise` returns.

    Parameters
    ----------
    restoration
        The restored image with axes and pixel sizes, float32, in the units of the input.
    model
        What restored it; saved, it restores more of the same kind with `pellucid apply`.
    report
        The page that says whether to believe it.
    summary
        The facts of `pellucid denoise --json`.
    """

    restoration: Image
    model: Model
    report: Report
    summary: Mapping[str, Any]

    @property
    def image(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """The restored numbers, in the axes of the input."""
        return np.asarray(self.restoration.data)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the restored image; the suffix chooses the format."""
        return write(path, self.restoration, overwrite=overwrite)


def denoise(
    noisy: Image | np.ndarray[Any, Any] | str | Path,
    *,
    axes: str | None = None,
    method: str = "auto",
    pairs: Image | np.ndarray[Any, Any] | str | Path | None = None,
    phase: Image | np.ndarray[Any, Any] | str | Path | None = None,
    budget: str | float = "60s",
    steps: int | None = None,
    watch: Watch = silent,
    **options: Any,
) -> Result:
    """Restore a noisy image with no reference.

    Parameters
    ----------
    noisy
        An `Image`, an array, or a path.
    axes
        One letter of ``STCZYX`` a dimension, where the image does not say.
    method
        A name from `pellucid.methods.names()`, or ``auto``.
    pairs
        A second recording of the same object, for Noise2Noise.
    phase
        Of a series of complex images, whose magnitude `noisy` is.
    budget
        Seconds, or text such as ``"60s"`` and ``"10m"``, for reading, diagnosis and training.
    steps
        Training steps in place of the budget: repeatable to the bit on a CPU.
    watch
        Told of progress.
    options
        Further fields of `Options`: `settings`, `device`, `seed`, `dims`, `repeats`.

    Raises
    ------
    InputError
        Where the image cannot be restored, in one sentence.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> noisy = 50 + 20 * np.hypot(*np.mgrid[-1:1:64j, -1:1:64j]) + rng.normal(0, 3, (64, 64))
    >>> result = denoise(noisy.astype("float32"), method="total_variation")
    >>> result.image.shape, result.summary["method"]
    ((64, 64), 'total_variation')
    """
    start = time.monotonic()
    seconds = None if steps is not None else duration(budget)
    chosen = Options(method=method, seconds=seconds, steps=steps, **options)
    chosen = with_settings(chosen, phase=phase is not None)
    opened, pair, angle = (None if g is None else check(opened_as(g, axes)) for g in (noisy, pairs, phase))
    assert opened is not None
    take = recorded(opened, pair, angle, chosen)
    job = Job(options=chosen, deadline=chosen.deadline(start), watch=watch)
    model, lessons = learned(take.learned[:1], take.learned[1:], job)
    application = Application(model=model, device=chosen.place(), watch=watch)
    return _result(application, take.image, take.second, lessons)


def apply(
    model: Model | str | Path,
    noisy: Image | np.ndarray[Any, Any] | str | Path,
    *,
    axes: str | None = None,
    device: str = "auto",
    watch: Watch = silent,
) -> Result:
    """Restore an image with a model that is already trained.

    Parameters
    ----------
    model
        A `Model`, or where one was saved.
    noisy, axes, watch
        As in `denoise`.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:0``; a `Model` in memory stays where it is.

    Raises
    ------
    InputError
        Where the model was made for other channels or dimensions, or the image cannot be restored.
    """
    loaded = model if isinstance(model, Model) else Model.load(model, Options(device=device).place())
    application = Application(model=loaded, device=loaded.device, watch=watch)
    return _result(application, check(opened_as(noisy, axes)), None, ())


def _result(application: Application, image: Image, pair: Image | None, lessons: Sequence[Lesson]) -> Result:
    """Restore an image in memory, with its report."""
    out, model = np.zeros(image.shape, np.float32), application.model
    facts, found = restored(application, image, pair, out, np.dtype(np.float32), lessons)
    restoration = replace(image.with_data(out), provenance=model.provenance)
    return Result(restoration=restoration, model=model, report=Report(page.page(found)), summary=facts)


def opened_as(image: Image | np.ndarray[Any, Any] | str | Path, axes: str | None) -> Image:
    """Return an image from what a caller may have: an image, an array with its axes, or a path."""
    if isinstance(image, str | Path):
        return read(image, axes=axes)
    if isinstance(image, Image):
        return image
    array = np.asarray(image)
    if axes is None and array.ndim != 2:
        raise InputError(
            f'An array of shape {array.shape} does not say what its axes are; add axes="TYX", for example.'
        )
    axes = axes or "YX"
    if len(axes) != array.ndim or not set(axes) <= set("STCZYX") or len(set(axes)) != len(axes) or axes[-2:] != "YX":
        raise InputError(
            f"The axes {axes} do not fit the shape {array.shape}: one letter of STCZYX each, ending in YX."
        )
    return Image(data=array, axes=axes)
