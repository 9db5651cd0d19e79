"""Which methods are compared on a scan, and which of them predicts unseen measurements best."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.data.scans import chosen
from pellucid.errors import InputError
from pellucid.methods import Method, card, checked, function, names, settings
from pellucid.report.reconstruction import Score
from pellucid.restoration import Restoration, restore
from pellucid.workflows.events import Event, alive
from pellucid.workflows.learn import Job
from pellucid.workflows.scan_score import Reserve, better, score

_TRIED = 1 / 3  # of the budget, after which no further classical method is tried


@dataclass(frozen=True)
class Field:
    """The methods that `auto` compares.

    Parameters
    ----------
    classical
        In the order in which they are tried, while there is time: the quick ones first.
    learned
        For a scan by itself.
    of_many
        For a set of scans.
    """

    classical: tuple[str, ...]
    learned: str
    of_many: str


AUTO: Mapping[str, Field] = {
    "ct": Field(("fbp", "tv"), "noise2inverse", "noise2inverse"),
    "deconvolution": Field(("rl", "tv"), "ssdu", "ssdu"),
    "mri": Field(("cg", "wavelet", "tv"), "zs_ssl", "multi_mask_ssdu"),
    "sms": Field(("cg", "wavelet"), "zs_ssl", "multi_mask_ssdu"),
    "tilt": Field(("fbp", "sirt"), "noise2inverse", "noise2inverse"),
}


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A method that is ready, and how well it predicts what it never saw: sample by sample, and in all."""

    method: Method
    errors: Tensor
    score: Score


def build(name: str, example: Measurement, given: Mapping[str, Any], seed: int, **data: Sequence[Tensor]) -> Method:
    """Return a method of reconstruction, made for a measurement and further data; first weights are from the CPU."""
    device = "cpu" if card(name, "reconstruct").trained else example.y.device
    made: Method = function(name, "reconstruct")(
        example, rng=torch.Generator(device).manual_seed(seed), **data, **checked(name, given, "reconstruct")
    )
    return made


def resolved(name: str, given: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """Return the settings of a learned method, with the size of its network: a model must be rebuilt anywhere."""
    known = checked(name, given, "reconstruct")
    if "preset" in settings(name, "reconstruct") and known.get("preset", "auto") == "auto":
        known["preset"] = "paper" if device.type == "cuda" else "lite"
    return known


def answer(scan: Measurement, method: Method) -> Restoration:
    """Restore a scan; by a network one entry after the other, which needs memory for one only."""
    if not method.card.trained or len(scan.y) == 1:
        return restore(scan, method.restorer)
    entries = (chosen(scan, torch.tensor([k], device=scan.y.device), (k,)) for k in range(len(scan.y)))
    parts = [restore(entry, method.restorer) for entry in entries]
    image, residual = (torch.cat([getattr(part, name) for part in parts]) for name in ("image", "residual"))
    return replace(parts[0], image=image, residual=residual)


def contend(name: str, method: Method, reserve: Reserve, started: float) -> Contender:
    """Score a method that saw nothing of what is reserved."""
    image = answer(reserve.left, method).image
    if not image.isfinite().all():
        raise InputError(f"{name} found no finite image; look at the geometry.")
    errors = reserve.errors(image)
    return Contender(method=method, errors=errors, score=score(errors, name, time.monotonic() - started))


def surely_best(contenders: Mapping[str, Contender], name: str) -> str | None:
    """Return who predicts better than a method beyond doubt, or None."""
    best = min(contenders, key=lambda n: contenders[n].score.error)
    return best if better(contenders[best].errors, contenders[name].errors) else None


def classical(candidates: Sequence[str], reserve: Reserve, job: Job) -> tuple[dict[str, Contender], tuple[str, ...]]:
    """Try methods that are not trained, the first in any case, others in the first third of the budget.

    Returns
    -------
    found, notes
        By name; one sentence each on what was not tried.

    Raises
    ------
    KeyboardInterrupt
        Where the job was cancelled.
    """
    found: dict[str, Contender] = {}
    notes: list[str] = []
    for name in candidates:
        start, doing = time.monotonic(), f"Trying {card(name, 'reconstruct').title}"
        if found and job.deadline is not None and start > job.deadline - (1 - _TRIED) * (job.options.seconds or 0):
            notes.append(f"There was no time to try {name}.")
            continue
        job.watch(Event("compare", f"{doing}."))
        try:
            with alive(job.watch, "compare", doing):
                found[name] = contend(name, build(name, reserve.left, {}, job.options.seed), reserve, start)
        except InputError as error:
            notes.append(f"{name} was not compared: {error}")
        if job.cancel():
            raise KeyboardInterrupt
    return found, tuple(notes)


def usual(modality: str, of_file: str, *, auto: bool) -> tuple[str, ...]:
    """Return the classical methods to compare with: the usual one of a file, and for `auto` all that suit."""
    others = AUTO[modality].classical if auto and modality in AUTO else ()
    return tuple(dict.fromkeys((*others, of_file)))


def learned_for(modality: str, *, many: bool) -> str | None:
    """Return the learned method that `auto` tries, or None where there is none."""
    field = AUTO.get(modality)
    name = None if field is None else field.of_many if many else field.learned
    return name if name in names("reconstruct") else None
