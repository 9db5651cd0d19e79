"""Train a reconstruction on scans: some samples of each only ever judge, and the best weights are kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from pellucid._math.seeds import generator, mix
from pellucid.data.measurement import Listed, Measurement
from pellucid.data.scans import Scans, chosen
from pellucid.data.source import Fixed, Source, Step
from pellucid.methods import Method, Stage
from pellucid.objectives import HeldOut, Objective, normalised_l1_l2
from pellucid.restorers import Restorer, Unrolled
from pellucid.training import History, Plan, Validation, fit
from pellucid.workflows.events import Event, Pace, Watch
from pellucid.workflows.learn import Job

_JUDGED = 8  # slices that validate


@dataclass(frozen=True)
class Moved:
    """Draws from a source and brings it to a device: a data set may be larger than the memory there."""

    source: Source
    device: torch.device

    def draw(self, step: Step) -> Measurement:
        """Return the batch of this step."""
        return on(self.source.draw(step), self.device)


class Mean(Objective[Restorer]):
    """The mean of an objective over batches that may differ in size.

    Parameters
    ----------
    objective
        D.
    restorer
        Is asked in place of what is trained, which is a part of it.
    batches
        All of them count alike.
    """

    def __init__(self, objective: Objective[Restorer], restorer: Restorer, batches: Sequence[Measurement]) -> None:
        super().__init__()
        self.objective, self.restorer, self.batches = objective, restorer, batches

    def terms(self, model: Restorer, batch: Measurement, step: Step) -> dict[str, Tensor]:
        """Return the mean of each term."""
        found = [self.objective.terms(self.restorer, part, step) for part in self.batches]
        return {name: torch.stack([terms[name] for terms in found]).mean() for name in found[0]}


def train_on(scans: Sequence[Measurement], method: Method, name: str, job: Job) -> tuple[History, ...]:
    """Run the stages of a method on scans; the best weights remain in it.

    What `method.split` holds out (Γ of ZS-SSL) is taken away from every scan first, and judges the weights; without a
    split a stage has a judge of its own.

    Parameters
    ----------
    scans
        Of one modality; they may differ in size. Their entries, such as slices, are drawn one by one.
    method
        A learned one.
    name
        For the checkpoints.
    job
        Budget, seed, folder, whom to tell and ask.

    Raises
    ------
    KeyboardInterrupt
        Where the job was cancelled; its folder keeps the state.
    """
    device, split = next(method.model.parameters()).device, method.split
    numbered = _numbered(scans)
    given = [scan if split is None else split(scan, generator(scan.y.device, job.options.seed))[0] for scan in numbered]
    judged = [on(scan, device) for scan in _spread(numbered)]
    held = None if split is None else Mean(HeldOut(split, normalised_l1_l2), method.prior or method.restorer, judged)
    if isinstance(method.model, Unrolled):
        job.watch(Event("memory", str(method.model.memory(judged[0]))))
    histories: list[History] = []
    for index, stage in enumerate(method.stages):
        if stage.start is not None:
            stage.start(given[0])
        here = [] if stage.source is None else [on(scan, device) for scan in given]
        source = Moved(Scans(given, stage.batch), device) if stage.source is None else stage.source(here)
        own = None if held is None else (held, Fixed(judged[0]))
        judge = own if stage.judge is None else stage.judge(here)
        plan = _plan(method.stages[index:], job, f"{name}-{index}")
        histories.append(_fit(stage, source, plan, judge, job, name))
    if method.finish is not None:
        method.finish(judged[0])
    return tuple(histories)


def _fit(
    stage: Stage, source: Source, plan: Plan, judge: tuple[Objective[Any], Source] | None, job: Job, name: str
) -> History:
    """Run one stage."""
    going_on = job.resume and plan.checkpoint is not None and plan.checkpoint.is_file()
    history = fit(
        stage.model,
        stage.objective,
        source,
        plan,
        validation=None
        if judge is None
        else Validation(objective=judge[0], source=judge[1], interval=stage.interval, patience=stage.patience),
        resume=plan.checkpoint if going_on else None,
        cancel=job.cancel,
        watch=_telling(job.watch, name),
    )
    if history.status == "cancelled":
        raise KeyboardInterrupt
    return history


def _plan(left: Sequence[Stage], job: Job, name: str) -> Plan:
    """Return what the first of the stages that are left may spend."""
    stage, options = left[0], job.options
    share = stage.share / sum(later.share for later in left)
    return Plan(
        steps=min((n for n in (options.steps, stage.steps) if n is not None), default=None),
        seconds=None if job.deadline is None else max(0.5, share * (job.deadline - time.monotonic())),
        seed=mix(options.seed, 0),
        optimisers={"model": stage.adam, **({} if stage.critic is None else {"critic": stage.critic})},
        checkpoint=None if job.folder is None else job.folder / f"{name}.safetensors",
    )


def _telling(watch: Watch, name: str) -> Callable[[dict[str, float]], None]:
    pace = Pace()

    def tell(row: dict[str, float]) -> None:
        text = f"Training {name}: step {row['step']:.0f}"
        watch(Event(f"train {name}", text, row["progress"], pace.left(row["progress"])))

    return tell


def _numbered(scans: Sequence[Measurement]) -> list[Listed]:
    """Return the scans with the numbers that `Scans` gives their entries: their fixed divisions are the same."""
    counts = [len(scan.y) for scan in scans]
    starts = [0, *accumulate(counts)]
    return [
        chosen(scan, torch.arange(n, device=scan.y.device), tuple(range(first, first + n)))
        for scan, n, first in zip(scans, counts, starts, strict=False)
    ]


def _spread(scans: Sequence[Listed]) -> list[Listed]:
    """Return a few entries, one by one, from all over the scans."""
    places = [(scan, row) for scan in scans for row in range(len(scan.y))]
    picked = {round(k * (len(places) - 1) / max(1, _JUDGED - 1)) for k in range(_JUDGED)}
    return [
        chosen(scan, torch.tensor([row], device=scan.y.device), (scan.numbers[row],))
        for scan, row in (places[k] for k in sorted(picked))
    ]


def on(measurement: Measurement, device: torch.device) -> Measurement:
    """Return a measurement on a device, without waiting for it."""
    weight, noise = measurement.weight, measurement.noise
    return replace(
        measurement,
        y=measurement.y.to(device, non_blocking=True),
        operator=measurement.operator.to(device, non_blocking=True),
        weight=None if weight is None else weight.to(device, non_blocking=True),
        noise=None if noise is None else noise.to(device, non_blocking=True),
    )
