"""Train a translation on two folders of images."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from pellucid._math.seeds import mix
from pellucid.data.crops import Crops, PairedCrops, UnpairedCrops
from pellucid.data.source import Source
from pellucid.errors import InputError
from pellucid.methods.generate.generative import Generative
from pellucid.training import History, Plan, fit
from pellucid.training.watch import table
from pellucid.workflows.events import Event, Pace
from pellucid.workflows.evidence import versions
from pellucid.workflows.files import forget, stem, stopped
from pellucid.workflows.kinds import Kind
from pellucid.workflows.learn import Job
from pellucid.workflows.options import Options
from pellucid.workflows.resuming import begin
from pellucid.workflows.session import fingerprint
from pellucid.workflows.translation_model import Facts, TranslationModel

_SIDE, _STEP = 64, 16  # pixels a side of a crop at most, and what it is a multiple of
_UNSEEN = 8  # one pair in so many is not trained on


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What was learned.

    Parameters
    ----------
    model
        With the weights at the end, or the last finite ones.
    steps
        Done.
    unseen
        Pairs that were not trained on, in the units of the networks.
    warnings, doubts
        What a user should know, and why the result should not be believed: whole sentences.
    """

    model: TranslationModel
    steps: int
    unseen: tuple[tuple[Tensor, Tensor], ...] = ()
    warnings: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def learn(source: Kind, target: Kind, job: Job) -> Lesson:
    """Train a translation.

    Raises
    ------
    InputError
        Where the images do not suit the method, or the training diverged before it learned anything.
    KeyboardInterrupt
        Where the job was cancelled; what was done is kept in its folder.
    """
    options, ys, xs = job.options, source.planes(), target.planes()
    facts = Facts(
        method=options.method,  # type: ignore[arg-type]
        settings=dict(options.settings),
        side=min(_SIDE, *(min(plane.shape[1:]) // _STEP * _STEP for plane in (*ys, *xs))),
        source=source.look,
        target=target.look,
    )
    warnings = _noticed(source, target, facts)
    unseen: tuple[tuple[Tensor, Tensor], ...] = ()
    if facts.method == "pix2pix":
        xs = _paired(source, target).planes()
        unseen = tuple(zip(ys[_UNSEEN - 1 :: _UNSEEN], xs[_UNSEEN - 1 :: _UNSEEN], strict=True))
        ys, xs = (_without(some) for some in (ys, xs))
        if not unseen:
            warnings += (f"Fewer than {_UNSEEN} pairs are all learned from: the error on unseen ones is not known.",)
    device = options.place()
    recordings, images = (Crops([plane.to(device) for plane in some], facts.side) for some in (ys, xs))
    batches = (PairedCrops if facts.method == "pix2pix" else UnpairedCrops)(recordings, images)
    made = facts.build(options.seed)
    made.model.to(device)
    made.objective.to(device)
    provenance = _provenance(facts, source, target, options)
    begin(job, provenance | facts.model_dump(mode="json"))
    history = _fit(facts, made, batches, job)
    doubts: tuple[str, ...] = ()
    if history.status == "diverged":
        if history.best < 0:
            forget(job)
            raise InputError("The training diverged before it learned anything: try a smaller step, --set rate=0.0003.")
        doubts = (f"The training diverged after step {history.best}: the weights of that step are used.",)
    provenance |= {"steps": history.steps}
    model = TranslationModel(facts=facts, made=made, provenance=provenance, history=table(history.rows))
    return Lesson(model=model, steps=history.steps, unseen=unseen, warnings=warnings, doubts=doubts)


def _fit(facts: Facts, made: Generative, batches: Source, job: Job) -> History:
    """Run the training, and tell of it."""
    options, pace = job.options, Pace()
    plan = Plan(
        steps=options.steps,
        seconds=None if job.deadline is None else max(0.5, job.deadline - time.monotonic()),
        seed=mix(options.seed, 0),
        optimisers=made.optimisers,
        averaging=made.averaging,
        checkpoint=None if job.folder is None else job.folder / f"{facts.method}.safetensors",
    )

    def watch(row: dict[str, float]) -> None:
        text = f"Training {facts.method}: step {row['step']:.0f}"
        job.watch(Event(f"train {facts.method}", text, row["progress"], pace.left(row["progress"])))

    going_on = job.resume and plan.checkpoint is not None and plan.checkpoint.is_file()
    resume = plan.checkpoint if going_on else None
    history = fit(made.model, made.objective, batches, plan, resume=resume, cancel=job.cancel, watch=watch)
    if history.status == "cancelled":
        stopped(job)
        raise KeyboardInterrupt
    return history


def _provenance(facts: Facts, source: Kind, target: Kind, options: Options) -> dict[str, Any]:
    """Return how a model is made."""
    return {
        "task": "translate",
        "method": facts.method,
        "settings": dict(facts.settings),
        "seed": options.seed,
        "device": str(options.place()),
        "from": {str(image.source): fingerprint(image) for image in source.images},
        "to": {str(image.source): fingerprint(image) for image in target.images},
        "versions": versions(),
    }


def _noticed(source: Kind, target: Kind, facts: Facts) -> tuple[str, ...]:
    """Return what a user should know before; refuse content that c2gan cannot find."""
    found = []
    types = [kind.images[0].dtype for kind in (source, target)]
    if types[0] != types[1]:
        found.append(f"{source.folder} holds {types[0]} and {target.folder} {types[1]}: each keeps a scale of its own.")
    for kind in (source, target):
        if kind.learned < kind.count:
            found.append(f"{kind.learned} of {kind.count} planes of {kind.folder}, spread evenly, are learned from.")
    for kind, flag in ((source, "--content-from"), (target, "--content-to")):
        if kind.look.bright is None and facts.method == "c2gan":
            raise InputError(
                f"Content and background of {kind.folder} take about half of the area each, so that c2gan cannot tell "
                f"which is which: say so with {flag} bright or dark."
            )
    sides = source.look.bright, target.look.bright
    if facts.method == "cyclegan" and None not in sides and sides[0] != sides[1]:
        found.append(
            f"Content is {'bright' if sides[0] else 'dark'} in {source.folder} and {'bright' if sides[1] else 'dark'} "
            f"in {target.folder}: cyclegan cannot tell content from background, and may keep the wrong one; c2gan can."
        )
    return tuple(found)


def _paired(source: Kind, target: Kind) -> Kind:
    """Return the target with its images in the order of the source, matched by the names of their files."""
    known = {stem(image.source): image for image in target.images if image.source is not None}
    found = []
    for image in source.images:
        name = stem(image.source) if image.source is not None else ""
        if name not in known:
            raise InputError(
                f"{target.folder} has no image named {name}, the twin of {image.name}: pix2pix pairs files by name."
            )
        twin = known[name]
        if (twin.shape, twin.axes) != (image.shape, image.axes):
            raise InputError(
                f"{image.name} is {image.axes} {image.shape} and its twin {twin.axes} {twin.shape}: they must match."
            )
        found.append(twin)
    return replace(target, images=tuple(found))


def _without(planes: Sequence[Tensor]) -> list[Tensor]:
    return [plane for number, plane in enumerate(planes) if number % _UNSEEN != _UNSEEN - 1]
