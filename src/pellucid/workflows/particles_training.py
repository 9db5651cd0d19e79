"""What every way to learn from particles has in common: the request, the training, what is found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from pellucid._math.point_groups import point_group
from pellucid._math.seeds import mix
from pellucid.data.image import Image
from pellucid.data.source import Source
from pellucid.errors import InputError
from pellucid.methods import checked
from pellucid.methods.generate.generative import Generative
from pellucid.report.evidence import Learning, Values
from pellucid.report.particles import Account
from pellucid.training import History, Plan, fit
from pellucid.workflows.events import Event, Pace, Watch
from pellucid.workflows.learn import Job
from pellucid.workflows.options import Options
from pellucid.workflows.particles_stack import Reading

METHODS = ("cryogan", "multi_cryogan", "spatial_vae")
BUDGET = 600.0
BATCH = 16


@dataclass(frozen=True, kw_only=True)
class Request:
    """How to learn from particles.

    Parameters
    ----------
    method
        One of `METHODS`.
    settings
        Of the method, by name.
    reading
        How the stack is read.
    symmetry
        Point group of the density.
    shift
        Standard deviation, along each axis, of the particles about the centres of their images, in pixels of the
        recording; one hundredth of the edge unless given, for poses what the method takes.
    halves
        Whether to train on each half of the particles too, and compare.
    truth
        A map to compare with, or None.
    seconds, steps
        Budget of all trainings, or steps of each in its place.
    device, seed
        As in `Options`.
    """

    method: str = "cryogan"
    settings: Mapping[str, Any] = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)
    symmetry: str = "C1"
    shift: float | None = None
    halves: bool = False
    truth: Path | None = None
    seconds: float | None = None
    steps: int | None = None
    device: str = "auto"
    seed: int = 0

    @property
    def options(self) -> Options:
        """What a training needs of it."""
        seconds = None if self.steps is not None else self.seconds or BUDGET
        return Options(method=self.method, device=self.device, seed=self.seed, seconds=seconds, steps=self.steps)

    def check(self) -> None:
        """Check what does not depend on the particles.

        Raises
        ------
        InputError
            In one sentence.
        """
        if self.method not in METHODS:
            raise InputError(f"{self.method} does not learn from particles; {', '.join(METHODS)} do.")
        checked(self.method, self.settings, "generate")
        given = {"--halves": self.halves, "--truth": self.truth, "--symmetry": self.symmetry != "C1"}
        flags = [flag for flag, value in given.items() if value]
        if flags and self.method != "cryogan":
            raise InputError(f"{flags[0]} is for cryogan; {self.method} does not take it.")
        if self.reading.background is not None and self.method == "spatial_vae":
            raise InputError("--background is for cryogan and multi_cryogan; spatial_vae takes its noise for Gaussian.")
        try:
            point_group(self.symmetry)
        except ValueError as error:
            raise InputError(str(error)) from None
        if self.shift is not None and not 0 <= self.shift < np.inf:
            raise InputError(f"A shift is 0 pixels or more, not {self.shift}.")


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was learned from particles.

    Parameters
    ----------
    images
        Maps or stacks of images, by what is added to the name of the output.
    tables
        Of a STAR file of poses, or empty.
    picture
        What the axes of a latent code change, (row, column), or None.
    account
        For the report.
    facts
        For the summary.
    """

    images: Mapping[str, Image]
    account: Account
    facts: Mapping[str, Any]
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    picture: Values | None = None


def trained(made: Generative, source: Source, name: str, job: Job, *, number: int = 0, parts: int = 1) -> History:
    """Train a method, and leave the last good weights in its model.

    Parameters
    ----------
    made, source
        What is trained, on which batches.
    name
        For people and for the checkpoint.
    job
        Budget, seed, folder, whom to tell and ask.
    number
        Of this training, among so many parts that share the time; another number has another randomness.
    parts
        How many trainings share the time.

    Raises
    ------
    InputError
        Where it diverged before anything was learned.
    KeyboardInterrupt
        Where it was cancelled; its folder keeps the state.
    """
    options = job.options
    kept = None if job.folder is None else job.folder / f"{name.replace(' ', '_')}.safetensors"
    plan = Plan(
        steps=options.steps,
        seconds=None if options.seconds is None else options.seconds / parts,
        seed=mix(options.seed, number),
        optimisers=made.optimisers,
        averaging=made.averaging,
        checkpoint=kept,
    )
    going_on = job.resume and kept is not None and kept.is_file()
    watch = _telling(job.watch, name)
    history = fit(
        made.model, made.objective, source, plan, resume=kept if going_on else None, cancel=job.cancel, watch=watch
    )
    if history.status == "cancelled":
        raise KeyboardInterrupt
    if history.status == "diverged" and history.best < 0:
        raise InputError(
            f"The training of the {name} diverged within its first {history.steps} steps, with nothing to keep: look "
            "at the images, or train with another --seed."
        )
    return history


def doubts(history: History, name: str) -> tuple[str, ...]:
    """Return a sentence where the training ended badly."""
    if history.status != "diverged":
        return ()
    return (f"The training of the {name} diverged; its state after step {history.best} was the last good one: kept.",)


def array(x: Tensor) -> Values:
    """Return numbers for the report."""
    values: Values = x.detach().double().cpu().numpy()
    return values


def status(histories: Iterable[History]) -> str:
    """Return ``diverged`` where one training did, else ``done``."""
    return "diverged" if any(history.status == "diverged" for history in histories) else "done"


def learning_of(history: History, term: str) -> Learning:
    """Return the course of one term of a training."""
    at, value = (np.array([row.get(key, np.nan) for row in history.rows]) for key in ("step", term))
    return Learning(at=at, loss=value, held_at=at, held=np.full_like(at, np.nan))


def _telling(watch: Watch, name: str) -> Callable[[dict[str, float]], None]:
    pace = Pace()

    def tell(row: dict[str, float]) -> None:
        told = f", distance {row['wasserstein']:.3g}" if "wasserstein" in row else ""
        text = f"Training the {name}: step {row['step']:.0f}{told}"
        watch(Event(f"train {name}", text, row["progress"], pace.left(row["progress"])))

    return tell
