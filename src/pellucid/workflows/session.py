"""What every way to denoise has in common: learn, then restore with evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.image import Image
from pellucid.data.io import Writer
from pellucid.methods import card
from pellucid.noise import diagnose
from pellucid.report.evidence import Evidence
from pellucid.training.watch import table
from pellucid.workflows.application import Application
from pellucid.workflows.evidence import page_of, summary, verdict_of, versions, worst
from pellucid.workflows.learn import Job, Lesson, learn
from pellucid.workflows.model import Model

_VOLUME = 8  # planes from which a stack is restored as a volume, where the device is quick enough
_HASHED = 2 << 30  # bytes of a file that are hashed whole


def learned(images: Sequence[Image], pairs: Sequence[Image], job: Job) -> tuple[Model, tuple[Lesson, ...]]:
    """Train on images, and gather the model with its provenance.

    Raises
    ------
    InputError
        Where the images cannot be learned from.
    KeyboardInterrupt
        Where the job was cancelled.
    """
    options = job.options
    planes = min(image.size("Z") for image in images)
    series = options.method != "auto" and card(options.method).needs == "series"
    volumes = planes > 1 if series else planes >= _VOLUME and options.place().type == "cuda"
    dims = options.dims or (3 if volumes else 2)
    channels, lessons = learn(images, pairs, dims, job)
    chosen = [lesson.chosen for lesson in lessons]
    provenance = {
        "method": [c.name for c in chosen],
        "settings": [dict(c.channel.facts.settings) for c in chosen],
        "dims": dims,
        "steps": [c.history.steps if c.history else 0 for c in chosen],
        "seed": options.seed,
        "device": str(options.place()),
        "risk": [None if lesson.misleading else lesson.chosen.risk.mean for lesson in lessons],
        "risk_se": [None if lesson.misleading else lesson.chosen.risk.se for lesson in lessons],
        "noise_variance": [c.risk.noise_variance for c in chosen],
        "spread": [lesson.spread and lesson.spread.as_dict() for lesson in lessons],
        "inputs": dict(_hashed(given) for given in (*images, *pairs, options.calibration) if given is not None),
        "versions": versions(),
    }
    rows = [{"channel": i} | row for i, c in enumerate(chosen) if c.history for row in c.history.rows]
    return Model(dims=dims, channels=channels, provenance=provenance, history=table(rows)), lessons


def restored(
    application: Application,
    image: Image,
    pair: Image | None,
    writer: Writer,
    dtype: np.dtype[Any],
    lessons: Sequence[Lesson],
) -> tuple[dict[str, Any], Evidence]:
    """Restore an image into `writer`, and return the summary and the page.

    Without lessons, where a model is applied that was trained before, the noise is diagnosed anew.
    """
    previews = application.run(image, pair, writer, dtype)
    known: Sequence[Lesson | None] = lessons or [None] * len(previews)
    diagnoses = [
        diagnose(preview.noisy.astype(np.float64)) if lesson is None else lesson.diagnosis
        for preview, lesson in zip(previews, known, strict=True)
    ]
    verdicts = [
        verdict_of(
            preview,
            diagnosis,
            lesson.chosen.risk if lesson and not lesson.misleading else None,
            channel.method.card.independent,
        )
        for preview, diagnosis, lesson, channel in zip(
            previews, diagnoses, known, application.model.channels, strict=True
        )
    ]
    provenance = application.model.provenance
    pages = [
        page_of(image, preview, diagnosis, verdict, lesson, provenance, number)
        for number, (preview, diagnosis, verdict, lesson) in enumerate(
            zip(previews, diagnoses, verdicts, known, strict=True)
        )
    ]
    return summary(application.model, diagnoses, lessons, verdicts), worst(pages)


def _hashed(given: Image | Path | str) -> tuple[str, str]:
    """Return the name and the hash of what was learned from."""
    if not isinstance(given, Image):
        return str(given), file_hash(Path(given))
    return str(given.source or f"array {given.axes} {given.shape}"), fingerprint(given)


def fingerprint(image: Image) -> str:
    """Return the SHA-256 of an image's file, or of its numbers."""
    if image.source is not None:
        return file_hash(Path(image.source))
    return hashlib.sha256(np.ascontiguousarray(image.data[...]).data).hexdigest()


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file or of all files in a folder; of sizes and starts where they are very large."""
    digest = hashlib.sha256()
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    small = sum(p.stat().st_size for p in files) <= _HASHED
    for file in files:
        with file.open("rb") as handle:
            if small:
                while block := handle.read(1 << 20):
                    digest.update(block)
            else:
                digest.update(f"{file.name} {file.stat().st_size}".encode() + handle.read(1 << 12))
    return digest.hexdigest() if small else f"{digest.hexdigest()} (of sizes and first 4 KiB)"
