"""Translate images of one kind into another, learned from a folder of each; say what was checked."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from pellucid._math.regions import Region
from pellucid.data.image import Image
from pellucid.data.io import create, expand, output_path, writable
from pellucid.errors import InputError
from pellucid.methods import checked
from pellucid.restoration import restore_tiled
from pellucid.tiling import Cancelled
from pellucid.training import package
from pellucid.workflows.events import Event
from pellucid.workflows.files import forget, stopped
from pellucid.workflows.kinds import Kind, Polarity, Reading, index, kind, opened, places, spread_out
from pellucid.workflows.learn import Job
from pellucid.workflows.options import Options
from pellucid.workflows.translation_checks import CHECKED, GENERATED, Checks, check
from pellucid.workflows.translation_learning import learn
from pellucid.workflows.translation_model import METHODS, TranslationModel

_SUFFIX = "_translated"


@dataclass(frozen=True, kw_only=True)
class Translation:
    """What is translated into what, and where it goes.

    Parameters
    ----------
    output
        Folder of the results.
    source, target
        Folders of the two kinds; None where a model is given.
    inputs
        What is translated; all of `source` where there are none.
    model
        A trained one, or None.
    save_model
        Where the trained one goes, or None.
    polarity
        Of content in source and target.
    reading
        How files are read.
    overwrite
        Replace what is there.
    """

    output: Path
    source: Path | None = None
    target: Path | None = None
    inputs: Sequence[Path] = ()
    model: Path | None = None
    save_model: Path | None = None
    polarity: tuple[Polarity, Polarity] = ("auto", "auto")
    reading: Reading = field(default_factory=Reading)
    overwrite: bool = False

    def kinds(self) -> tuple[Kind, Kind]:
        """Read the two folders.

        Raises
        ------
        InputError
            Where one is missing, or their images cannot be used together.
        """
        if self.source is None or self.target is None:
            raise InputError("A translation is learned from two folders: give --from and --to, or a trained --model.")
        if self.source.resolve() == self.target.resolve():
            raise InputError(f"--from and --to are both {self.source}: give a folder of each kind.")
        first, second = (
            kind(folder, self.reading, polarity)
            for folder, polarity in zip((self.source, self.target), self.polarity, strict=True)
        )
        if first.look.channels != second.look.channels:
            raise InputError(
                f"{self.source} has {first.look.channels} channel(s) and {self.target} {second.look.channels}: choose "
                "one with --channel, or give images with the same channels."
            )
        return first, second

    def targets(self, images: Sequence[Image]) -> list[Path]:
        """Return where each image goes.

        Raises
        ------
        InputError
            Where nothing can be written there.
        """
        if self.output.exists() and not self.output.is_dir():
            raise InputError(f"{self.output} is a file, and several images may come: name a folder with -o.")
        if self.output.resolve() in {folder.resolve() for folder in (self.source, self.target) if folder is not None}:
            raise InputError(f"{self.output} holds images to learn from, and results are none: name another with -o.")
        found = [output_path(image.source or Path("image.tif"), _SUFFIX, self.output) for image in images]
        twice = {path for path in found if found.count(path) > 1}
        if twice:
            raise InputError(f"Two inputs would both become {twice.pop()}: translate them into different folders.")
        for path in found:  # the folder is made with the first image
            beside = path if self.output.is_dir() else self.output.with_name(path.name)
            writable(beside, overwrite=self.overwrite or not self.output.is_dir())
        if self.save_model is not None:
            package.writable(self.save_model, overwrite=self.overwrite)
        return found


@dataclass(frozen=True, kw_only=True)
class _Ready:
    """A model, what it shall translate, and what was noticed."""

    model: TranslationModel
    images: tuple[Image, ...]
    paths: list[Path]
    checks: Checks
    warnings: tuple[str, ...] = ()
    doubts: tuple[str, ...] = field(default=())


def translate_files(asked: Translation, job: Job) -> dict[str, Any]:
    """Train where no model is given, translate images into a folder, and return what was found.

    Raises
    ------
    InputError
        In one sentence; nothing is written then.
    KeyboardInterrupt
        Where it was cancelled; a checkpoint is kept, and `resume` goes on from it.
    """
    start = time.monotonic()
    folder = asked.output.with_name(asked.output.name + ".checkpoint")
    job = replace(job, folder=folder, deadline=job.options.deadline(start))
    ready = _learned(asked, job) if asked.model is None else _given(asked, asked.model, job.options)
    facts = ready.model.facts
    notes = {"generated": True, "checks": ready.checks.as_dict(), "doubts": [*ready.doubts, *ready.checks.doubts]}
    provenance = dict(ready.model.provenance) | notes | {"command": shlex.join(["pellucid", *sys.argv[1:]])}
    if asked.save_model is not None:
        replace(ready.model, provenance=provenance).save(asked.save_model, overwrite=asked.overwrite)
    asked.output.mkdir(exist_ok=True)
    try:
        for number, (image, path) in enumerate(zip(ready.images, ready.paths, strict=True)):
            done = number / len(ready.images)
            job.watch(Event("apply", f"Translating {image.name}.", done))
            _write(ready.model, image, path, provenance, job, overwrite=asked.overwrite)
    except Cancelled:
        stopped(job)
        raise KeyboardInterrupt from None
    if asked.model is None:
        forget(job)
    return {
        "output": str(asked.output),
        "outputs": [str(path) for path in ready.paths],
        "method": facts.method,
        **notes,
        "verdict": "amber" if notes["doubts"] else "green",
        "steps": ready.model.provenance.get("steps"),
        "checked": str(ready.checks),
        "sentence": GENERATED,
        "warnings": list(ready.warnings),
        "seconds": round(time.monotonic() - start, 3),
    }


def _given(asked: Translation, path: Path, options: Options) -> _Ready:
    """Take up a trained model."""
    inputs = [*asked.inputs, *([asked.source] if asked.source is not None else [])]
    if not inputs:
        raise InputError("There is nothing to translate: name images or a folder of them.")
    model = TranslationModel.load(path, options.place())
    images = opened(expand(inputs), asked.reading)
    paths = _targets(asked, images, model.facts.source.channels)
    return _Ready(model=model, images=images, paths=paths, checks=_check(model, images))


def _learned(asked: Translation, job: Job) -> _Ready:
    """Train a model."""
    options = job.options
    if options.method not in METHODS:
        raise InputError(f"{options.method} is no method to translate: {', '.join(METHODS)} are.")
    checked(options.method, options.settings, "generate")  # before folders are read
    options.place()
    source, target = asked.kinds()
    images = opened(expand(asked.inputs), asked.reading) if asked.inputs else source.images
    paths = _targets(asked, images, source.look.channels)
    lesson = learn(source, target, job)
    checks = _check(lesson.model, images, (source.images, target.images), lesson.unseen)
    return _Ready(
        model=lesson.model, images=images, paths=paths, checks=checks, warnings=lesson.warnings, doubts=lesson.doubts
    )


def _targets(asked: Translation, images: Sequence[Image], channels: int) -> list[Path]:
    """Return where images go that the translation can take."""
    for image in images:
        if image.size("C") != channels:
            raise InputError(
                f"The translation takes {channels} channel(s), and {image.name} has {image.size('C')}: choose one "
                "with --channel."
            )
    return asked.targets(images)


def _check(
    model: TranslationModel,
    images: Sequence[Image],
    kinds: tuple[Sequence[Image], Sequence[Image]] = ((), ()),
    pairs: Sequence[tuple[Tensor, Tensor]] = (),
) -> Checks:
    """Check some planes of what is translated, beside some of both kinds."""
    looks = model.facts.source, model.facts.target
    given, *learned = (
        [look.inside(plane) for plane in spread_out(some, CHECKED)]
        for look, some in zip((looks[0], *looks), (images, *kinds), strict=True)
    )
    return check(model.made.model, looks, given, (learned[0], learned[1]), pairs[:CHECKED])


def _write(
    model: TranslationModel, image: Image, path: Path, provenance: Mapping[str, Any], job: Job, *, overwrite: bool
) -> None:
    """Translate an image into its file, plane by plane and tile by tile."""
    source, target = model.facts.source, model.facts.target
    restorer = model.made.model
    device = next(restorer.parameters()).device
    dtype = np.dtype(np.float32)
    with create(path, image, image.shape, dtype, overwrite=overwrite, provenance=provenance) as writer:
        for place in places(image):

            def read(region: Region, place: Mapping[str, int] = place) -> Tensor:
                block = np.asarray(image.data[index(image, place, region)])
                return source.inside(block.reshape(image.size("C"), *block.shape[-2:]))

            def write(region: Region, maps: Tensor, place: Mapping[str, int] = place) -> None:
                block = target.outside(maps[0])
                writer[index(image, place, region)] = block if "C" in image.axes else block[0]

            space = (image.size("Y"), image.size("X"))
            restore_tiled(restorer, read, write, space, device=device, cancel=job.cancel)  # type: ignore[arg-type]
