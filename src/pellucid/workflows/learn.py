"""Diagnose, train the candidates within the budget, and choose by risk on pixels that were never a target."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pellucid._math.seeds import generator, mix
from pellucid.data.image import Image
from pellucid.data.measurement import Measurement
from pellucid.data.series import stack_of
from pellucid.data.stack import Stack, channels_of
from pellucid.errors import InputError
from pellucid.methods import Method, Stage, build, card
from pellucid.noise import Diagnosis
from pellucid.training import History, Plan, fit
from pellucid.trust import Calibration, Risk
from pellucid.workflows import model as models
from pellucid.workflows.bench import Bench
from pellucid.workflows.calibrated import calibrated
from pellucid.workflows.events import Event, Pace, Watch, silent
from pellucid.workflows.options import Options, training_precision

_INTERVAL = 50  # steps between validations
_LONG = 240.0  # seconds a channel, beyond which a CPU has time for a wider network
_FLIPPED = 2**21  # pixels up to which answers are averaged over the symmetries of the plane: eight times the work


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One method that was tried on one channel.

    Parameters
    ----------
    name
        Of the method.
    channel
        The fitted method.
    ranking, risk
        Held-out risk on the pixels that rank, and on those that report.
    seconds
        Of training or calibration.
    history
        Of the training, or None where nothing is trained.
    """

    name: str
    channel: models.Channel
    ranking: Risk
    risk: Risk
    seconds: float
    history: History | None


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What was learned about one channel: its noise, what was tried, what was chosen and why."""

    diagnosis: Diagnosis
    candidates: tuple[Candidate, ...]
    chosen: Candidate
    why: str
    warnings: tuple[str, ...] = ()
    spread: Calibration | None = None

    @property
    def misleading(self) -> bool:
        """Whether the risk is no estimate of an error: in correlated noise neighbours tell of a pixel's noise."""
        return self.diagnosis.correlation.correlated and card(self.chosen.name).needs in ("image", "series")


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a training needs beside the images.

    Parameters
    ----------
    options
        The user's choice.
    deadline
        When the budget ends, on the monotonic clock, or None.
    folder
        Where checkpoints are kept, or None.
    resume
        Whether to go on from them.
    watch, cancel
        Told of progress; asked whether to stop.
    """

    options: Options
    deadline: float | None
    folder: Path | None = None
    resume: bool = False
    watch: Watch = silent
    cancel: Callable[[], bool] = lambda: False


def learn(
    images: Sequence[Image], pairs: Sequence[Image], dims: int, job: Job
) -> tuple[tuple[models.Channel, ...], tuple[Lesson, ...]]:
    """Return the chosen restorer of every channel, and the lessons.

    Raises
    ------
    InputError
        Where the images cannot be learned from.
    KeyboardInterrupt
        Where the job was cancelled; what was done is kept in its folder.
    """
    count, lessons = channels_of([*images, *pairs]), []
    for number in range(count):
        label = _label(images[0], number)
        job.watch(Event("diagnose", f"Reading the noise of {label or 'the image'}."))
        method = job.options.method
        needs = "image" if method == "auto" else card(method).needs
        stack = stack_of(images, number, dims, needs)
        second = Stack(tuple(pairs), number, dims) if pairs else None
        truth = needs == "truth"
        bench = Bench.of(stack, second, job.options.place(), mix(job.options.seed, number), truth=truth)
        told = calibrated(job.options, number, bench.shots[0], bench.diagnosis.transfer)
        bench = replace(bench, calibration=told)
        choices = _choices(bench, job.options, stack.pixels, count)
        lessons.append(_lesson(bench, choices, job, number, count - number, label))
    return tuple(lesson.chosen.channel for lesson in lessons), tuple(lessons)


def _label(image: Image, number: int) -> str:
    if number < len(image.channel_names):
        return image.channel_names[number]
    return f"channel {number}" if image.size("C") > 1 else ""


def _lesson(
    bench: Bench, choices: Mapping[str, Mapping[str, Any]], job: Job, number: int, channels_left: int, label: str
) -> Lesson:
    """Try the candidates on one channel, and choose."""
    correlated = bench.diagnosis.correlation.correlated
    candidates = []
    for name, given in choices.items():
        left = None if job.deadline is None else max(1.0, job.deadline - time.monotonic()) / channels_left
        candidates.append(_try(name, given, bench, job, number, left, label))
        if job.cancel():
            raise KeyboardInterrupt
    chosen = min(candidates, key=lambda c: c.ranking.mean)
    warnings = [*bench.warnings, *chosen.channel.method.warnings]
    if correlated and any(card(c.name).independent for c in candidates):
        warnings.append(
            "The noise is correlated between neighbouring pixels: blind-spot methods are not valid here, and no risk "
            "on hidden pixels estimates the error. A second recording, with --pairs, would mend it."
        )
    warnings += [] if chosen.history is None else divergence(chosen.history)
    why = _why(chosen, candidates, job.options, bench)
    return Lesson(
        diagnosis=bench.diagnosis,
        candidates=tuple(candidates),
        chosen=chosen,
        why=why,
        warnings=tuple(warnings),
        spread=bench.spread(chosen.channel.method, chosen.channel.standardisation, chosen.risk),
    )


def divergence(history: History) -> list[str]:
    """Return a sentence where a training diverged."""
    if history.status != "diverged":
        return []
    if history.best < 0:
        return ["The training diverged before it learned anything, and its first weights are used: try another --seed."]
    return ["The training diverged; the best weights before that were kept."]


def _choices(bench: Bench, options: Options, pixels: int, channels: int) -> dict[str, Mapping[str, Any]]:
    """Return the candidates that suit the data, with their settings; those that are trained come last."""
    repeats = len(bench.shots) > 1
    if options.method != "auto":
        needed = {"repeats": "two recordings of each object; give the second", "truth": "clean images; give them"}
        if not repeats and (needs := needed.get(card(options.method).needs)):
            raise InputError(f"{options.method} needs {needs} with --pairs.")
        return {options.method: options.settings}
    if options.settings:
        raise InputError("Settings belong to one method; name it with --method.")
    if bench.diagnosis.correlation.correlated and not repeats:
        return {"non_local_bayes": {}}
    classical: dict[str, Mapping[str, Any]] = {"non_local_bayes": {}}
    if repeats:
        return classical | {"noise2noise": {}}
    network: dict[str, Any] = {"flips": pixels <= _FLIPPED}
    if options.place().type == "cuda":
        network |= {"features": 32, "batch": 16}
    elif options.steps is None and options.seconds is not None and options.seconds / channels > _LONG:
        network |= {"features": 32}
    return classical | {"stacked": network}


def _try(
    name: str,
    given: Mapping[str, Any],
    bench: Bench,
    job: Job,
    number: int,
    seconds: float | None,
    label: str,
) -> Candidate:
    """Build, fit and judge one method."""
    start, options = time.monotonic(), job.options
    end = None if seconds is None else start + seconds
    units = bench.units(card(name).stabilise)
    data = bench.measurement(units)
    rng, pairs = generator("cpu", options.seed, number, 5), bench.noise_pairs(units)
    method = build(name, data, pairs, rng=rng, **given)
    if method.restorer.whole and not bench.whole and card(name).needs == "image":
        raise InputError(
            f"{name} is fitted to one whole image at once, with sides that are multiples of 16 and about 700 pixels at "
            "most; crop the image or use another method."
        )
    history, title = None, f"{name}{f' on {label}' if label else ''}"
    for index, stage in enumerate(method.stages):
        share = stage.share / sum(later.share for later in method.stages[index:])
        plan = Plan(
            steps=min((n for n in (options.steps, stage.steps) if n is not None), default=None),
            seconds=None if end is None else max(0.5, share * (end - time.monotonic())),
            seed=mix(options.seed, number),
            optimisers={"model": stage.adam},
            precision=training_precision(data.y.device),
            checkpoint=None if job.folder is None else job.folder / f"{number}-{name}-{index}.safetensors",
        )
        history = _fit(bench, method, stage, data, plan, job, title)
    if method.finish is not None:
        method = replace(method, warnings=method.warnings + (method.finish(bench.ranking(data)) or ()))
    took = time.monotonic() - start
    job.watch(Event("rank", f"Measuring the risk of {name} on pixels that were never a target."))
    ranking, risk = bench.risks(method, units)
    channel = models.channel(label, name, given, method, units, like=data.y)
    return Candidate(name=name, channel=channel, ranking=ranking, risk=risk, seconds=took, history=history)


def _fit(bench: Bench, method: Method, stage: Stage, data: Measurement, plan: Plan, job: Job, title: str) -> History:
    """Run one stage of a method, and tell of it."""
    pace = Pace()

    def watch(row: dict[str, float]) -> None:
        text = f"Training {title}: step {row['step']:.0f}"
        job.watch(Event(f"train {title}", text, row["progress"], pace.left(row["progress"])))

    if stage.start is not None:
        stage.start(data)
    going_on = job.resume and plan.checkpoint is not None and plan.checkpoint.is_file()
    history = fit(
        stage.model,
        stage.objective,
        bench.source(stage, data),
        plan,
        validation=bench.validation(method, stage, data, _INTERVAL),
        resume=plan.checkpoint if going_on else None,
        cancel=job.cancel,
        watch=watch,
    )
    if history.status == "cancelled":
        raise KeyboardInterrupt
    return history


def _why(chosen: Candidate, candidates: list[Candidate], options: Options, bench: Bench) -> str:
    """Say which method was chosen and why, in one or two sentences."""
    if options.method != "auto":
        return "It was asked for."
    if bench.diagnosis.correlation.correlated and len(candidates) == 1:
        return (
            "The noise is correlated between pixels, which misleads every method that hides single pixels; this one "
            "weighs with the correlation that the image itself shows."
        )
    noise = "correlated between pixels" if bench.diagnosis.correlation.correlated else "independent from pixel to pixel"
    ranked = sorted(candidates, key=lambda c: c.ranking.mean)
    rest = ", ".join(f"{c.name} {c.ranking.mean:.4g}" for c in ranked[1:])
    return (
        f"It has the least risk on pixels that no candidate was trained or calibrated on: {chosen.ranking.mean:.4g} "
        f"(± {chosen.ranking.se:.2g}), against {rest}. The noise is {bench.diagnosis.transfer.model} and {noise}."
    )
