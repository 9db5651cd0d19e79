"""Run many methods on one image, and set them side by side."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data.image import Image
from pellucid.data.io import check, read
from pellucid.data.prepare.pairs import matched
from pellucid.data.stack import Stack
from pellucid.errors import InputError
from pellucid.methods import Card, card, names
from pellucid.noise import Autocorrelation, diagnose
from pellucid.report import comparison
from pellucid.report.comparison import Contest, Row
from pellucid.report.evidence import Pictures
from pellucid.tiling import Cancelled
from pellucid.trust import covered
from pellucid.workflows.application import Application, Preview
from pellucid.workflows.denoise import Report, opened_as
from pellucid.workflows.events import Event, Watch, silent
from pellucid.workflows.files import stem
from pellucid.workflows.known import known_spread
from pellucid.workflows.learn import Job
from pellucid.workflows.memory import peak_memory
from pellucid.workflows.options import Options, duration
from pellucid.workflows.reference import Reference
from pellucid.workflows.session import learned, restored

Given = Image | NDArray[Any] | str | Path

_DIAGNOSED = 2**22  # pixels that tell whether the noise is correlated
_PROTOCOL = (
    "Risk: mean squared difference to pixels that were never a target, weighted by one over the variance of its "
    "noise; the error plus the noise, so only differences between rows mean anything.",
    "Spread: mean posterior standard deviation of the shown plane. In 90 %: the part of hidden pixels within the "
    "interval that was predicted for them, and of the truth within 1.645 spreads of the shown plane.",
    "Seconds: of learning and restoring. Memory: the largest resident memory of the process, or what PyTorch allocated "
    "on a GPU.",
)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Methods side by side on one image.

    Parameters
    ----------
    contest
        The table: rows by risk, who was left out and why, and what the numbers are.
    images
        What each method made of the image, in its axes and units, by name.
    """

    contest: Contest
    images: Mapping[str, NDArray[np.float32]] = field(repr=False)

    @property
    def report(self) -> Report:
        """The table and the pictures as a page."""
        return Report(comparison.page(self.contest))

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the pictures in terms of JSON."""
        keys = [part.name for part in fields(Row) if part.name != "pictures"]
        return {
            "rows": [{key: getattr(row, key) for key in keys} for row in self.contest.rows],
            "left_out": dict(self.contest.left_out),
            "protocol": list(self.contest.protocol),
            "warnings": list(self.contest.warnings),
        }

    def __str__(self) -> str:
        return comparison.text(self.contest)


def compare(
    noisy: Given,
    *,
    methods: str | Sequence[str] = "all",
    truth: Given | None = None,
    pairs: Given | None = None,
    axes: str | None = None,
    affine: bool = False,
    budget: str | float = "60s",
    steps: int | None = None,
    watch: Watch = silent,
    cancel: Callable[[], bool] = lambda: False,
    **options: Any,
) -> Comparison:
    """Restore one image by many methods, and compare their risk, error, spread, coverage, time and memory.

    Parameters
    ----------
    noisy
        An `Image` of one channel, an array, or a path.
    methods
        ``all``: ``auto`` and all that suit the image; or names, as a list or with commas between them.
    truth
        A clean reference of the same shape: no method sees it but those that learn from truth, and only where they
        are named.
    pairs
        A second recording of the same object.
    axes
        One letter of ``STZYX`` a dimension, where the image does not say.
    affine
        Fit a x̂ + b to the truth before the PSNR: for a truth of another brightness.
    budget, steps
        Of each method, as in `denoise`.
    watch, cancel
        Told of progress; asked whether to stop.
    options
        Further fields of `Options`: `device`, `seed`, `dims`.

    Returns
    -------
    Comparison
        Of the methods that were done: one that fails, or was stopped, is left out with the reason.

    Raises
    ------
    InputError
        Where the image, the truth or a name is not to be used, or no method gave a result.
    KeyboardInterrupt
        Where it was stopped before the first method was done.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> clean = 50 + 20 * np.hypot(*np.mgrid[-1:1:64j, -1:1:64j])
    >>> found = compare(rng.normal(clean, 3), methods="non_local_means,total_variation", truth=clean)
    >>> len(found.contest.rows), found.contest.rows[0].psnr > 30
    (2, True)
    """
    seconds = None if steps is not None else duration(budget)
    job = Job(options=Options(seconds=seconds, steps=steps, **options), deadline=None, watch=watch, cancel=cancel)
    image = _single(check(opened_as(noisy, axes)))
    second, clean = (
        None if g is None else matched(image, check(opened_as(g, axes or image.axes)), truth=g is truth)
        for g in (pairs, truth)
    )
    reference = None if clean is None else Reference(image, clean, affine)
    wanted, left_out = _entrants(methods, image, second is not None, clean is not None)
    finished: list[_Finished] = []
    for number, name in enumerate(wanted):
        watch(Event("compare", f"{name}: method {number + 1} of {len(wanted)}."))
        partner = clean if _needs(name) == "truth" else second
        try:
            finished.append(_run(name, image, partner, job, reference))
        except (KeyboardInterrupt, Cancelled):
            if not finished:
                raise KeyboardInterrupt from None
            left_out |= dict.fromkeys(wanted[number:], "stopped before it was done")
            break
        except Exception as error:  # one that fails does not lose the others
            left_out[name] = str(error) if isinstance(error, InputError) else f"failed: {type(error).__name__}: {error}"
    if not finished:
        raise InputError("No method gave a result: " + "; ".join(f"{k}: {v}" for k, v in left_out.items()))
    return _gathered(image, finished, left_out, reference)


def compare_file(
    path: Path, *, output: Path | None = None, overwrite: bool = False, channel: str | None = None, **given: Any
) -> tuple[Comparison, Path]:
    """Compare methods on a file, and write the report, by default beside it.

    Raises
    ------
    InputError
        As `compare`, or where the report exists; nothing is written then.
    """
    target = output or path.with_name(f"{stem(path)}.comparison.html")
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists already: choose another name with -o, or add --overwrite.")
    if target.is_dir() or not target.parent.is_dir():
        raise InputError(f"{target} cannot be written: name a file in a folder that exists with -o.")
    reading = {"axes": given.get("axes"), "channel": channel}
    others = {key: read(given.pop(key), **reading) for key in ("truth", "pairs") if given.get(key)}
    found = compare(read(path, **reading), **given | others)
    command = {"command": shlex.join(["pellucid", *sys.argv[1:]])}
    found = replace(found, contest=replace(found.contest, provenance=command | dict(found.contest.provenance)))
    found.report.save(target)
    return found, target


def _needs(name: str) -> str:
    return "image" if name == "auto" else card(name).needs


def _single(image: Image) -> Image:
    if image.size("C") > 1:
        raise InputError(f"{image.name} has {image.size('C')} channels, and one is compared: choose it with --channel.")
    return image


def _entrants(methods: str | Sequence[str], image: Image, pairs: bool, truth: bool) -> tuple[list[str], dict[str, str]]:
    """Return who takes part, and why others do not."""
    if methods != "all":
        named = [name.strip() for name in methods.split(",")] if isinstance(methods, str) else list(methods)
        for name in named:
            if _needs(name) == "truth" and not truth:
                raise InputError(f"{name} learns from the truth: give it with --truth.")
        return list(dict.fromkeys(named)), {}
    planes = Stack((image,), 0, 2).sample(np.random.default_rng(0), pixels=_DIAGNOSED).astype(np.float64)
    seen = diagnose(planes).correlation
    reasons = {name: _unfit(card(name), image, pairs, seen) for name in names()}
    return ["auto", *(n for n, why in reasons.items() if not why)], {n: why for n, why in reasons.items() if why}


def _unfit(of: Card, image: Image, pairs: bool, seen: Autocorrelation) -> str:
    """Say why a method does not suit the image; nothing where it does."""
    if of.needs == "repeats" and not pairs:
        return "needs a second recording of the object: give it with --pairs"
    if of.needs == "series" and image.size("T") == 1:
        return "needs a series of images along T"
    if of.needs == "truth":
        return "learns from the truth: name it, beside --truth, for the upper bound"
    if of.independent and seen.correlated:
        lags = f"{seen.lag1_y:.2f} along Y, {seen.lag1_x:.2f} along X"
        return f"assumes noise that is independent from pixel to pixel, and here it is correlated ({lags})"
    return ""


@dataclass(frozen=True, kw_only=True)
class _Finished:
    """What came of one method."""

    row: Row
    image: NDArray[np.float32]
    truth: NDArray[np.float32] | None  # the shown plane
    provenance: Mapping[str, Any]
    warnings: Sequence[str]


def _run(name: str, image: Image, partner: Image | None, job: Job, reference: Reference | None) -> _Finished:
    """Learn and restore by one method, and measure what it took and what came out."""
    start, options = time.monotonic(), replace(job.options, method=name)
    out = np.zeros(image.shape, np.float32)
    with peak_memory(options.place()) as memory:
        partners = [] if partner is None else [partner]
        model, lessons = learned([image], partners, replace(job, options=options, deadline=options.deadline(start)))
        application = Application(model=model, device=options.place(), watch=job.watch, cancel=job.cancel)
        facts, page = restored(application, image, partner, out, np.dtype(np.float32), lessons)
    took, shown = time.monotonic() - start, page.pictures
    chosen = f"{name} ({facts['method']})" if name == "auto" else name
    truth = None if reference is None else Preview.of(Stack((reference.image,), 0, model.dims), 0).noisy
    row = Row(
        method=chosen,
        risk=facts["risk"],
        risk_se=facts["risk_se"],
        psnr=None if reference is None else reference.psnr(out),
        spread=None if shown.spread is None else float(shown.spread.mean()),
        coverage_hidden=_hidden(model.provenance),
        coverage_truth=_covers(shown, truth) if reference is not None and not reference.affine else None,
        seconds=took,
        memory=memory.peak,
        verdict=facts["verdict"],
        pictures=shown,
    )
    warnings = [f"{chosen}: {warning}" for warning in facts["warnings"]]
    return _Finished(row=row, image=out, truth=truth, provenance=model.provenance, warnings=warnings)


def _hidden(provenance: Mapping[str, Any]) -> float | None:
    """Return which part of the hidden pixels lay within their interval, with the spread as it is shown."""
    known = known_spread(provenance, 0)
    return None if known is None else known.before if known.applied == 1 else known.after


def _covers(shown: Pictures, truth: NDArray[np.float32] | None) -> float | None:
    return None if shown.spread is None or truth is None else covered(shown.restored - truth, shown.spread**2)


def _gathered(
    image: Image, finished: Sequence[_Finished], left_out: Mapping[str, str], reference: Reference | None
) -> Comparison:
    """Return the comparison, sorted."""
    known = finished[0].provenance
    shared = {key: known[key] for key in ("seed", "device", "inputs", "versions")}
    rows = sorted((f.row for f in finished), key=lambda row: (row.risk is None, row.risk or 0.0, -(row.psnr or 0.0)))
    warnings = [] if reference is None else list(reference.warnings)
    contest = Contest(
        title=image.name,
        rows=tuple(rows),
        left_out=left_out,
        protocol=(*_PROTOCOL, *([] if reference is None else [reference.protocol])),
        truth=finished[0].truth,
        warnings=tuple(dict.fromkeys(warnings + [w for f in finished for w in f.warnings])),
        provenance=shared | {"steps": {f.row.method: f.provenance["steps"][0] for f in finished}},
    )
    return Comparison(contest=contest, images={f.row.method: f.image for f in finished})
