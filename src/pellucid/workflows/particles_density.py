"""A density from particles in unknown poses, and how far it may be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid._math.point_groups import point_group
from pellucid._math.seeds import generator
from pellucid._math.turn import resized
from pellucid.data.io import read
from pellucid.errors import InputError
from pellucid.methods import checked
from pellucid.methods.generate.cryogan import cryogan
from pellucid.methods.generate.generative import Generative
from pellucid.metrics.fourier import Array, fsc, resolution
from pellucid.metrics.maps import aligned, half_set_fsc
from pellucid.report.evidence import Values
from pellucid.report.particles import Agreement
from pellucid.restorers.volume import Volume
from pellucid.training import History
from pellucid.workflows.learn import Job
from pellucid.workflows.particles_maps import MEANING, account_of, check, image_of, prior_of, sections, source_of
from pellucid.workflows.particles_stack import Stack
from pellucid.workflows.particles_training import Found, Request, array, doubts, status, trained
from pellucid.workflows.resuming import begin


def density(stack: Stack, request: Request, job: Job, provenance: Mapping[str, Any]) -> Found:
    """Train CryoGAN on particles, and on each half of them where that is asked for.

    Raises
    ------
    InputError
        In one sentence.
    KeyboardInterrupt
        Where the job was cancelled.
    """
    suspicions = check(stack, request)
    truth = None if request.truth is None else reference(request.truth, stack).to(stack.y.device)
    begin(job, provenance)
    parts = {"map": stack}
    if request.halves:
        order = torch.randperm(len(stack.y), generator=generator("cpu", request.seed, len(stack.y)))
        halves = (stack[rows] for rows in order.to(stack.y.device).chunk(2))
        parts |= {f"half {k + 1}": _dealt(half, k) for k, half in enumerate(halves)}
    models: dict[str, Volume] = {}
    histories: dict[str, History] = {}
    for number, (name, part) in enumerate(parts.items()):
        made = _made(part, request, number)
        histories[name] = trained(made, source_of(part), name, job, number=number, parts=len(parts))
        models[name] = made.model  # type: ignore[assignment]
    maps = {name: model().detach() for name, model in models.items()}
    if not all(bool(volume.std() > 0) for volume in maps.values()):
        raise InputError("The map is still empty after this training: train longer, or look at the images' contrast.")
    agreements, facts = _agreements(maps, truth, stack.pixel_size_angstrom, request)
    account = account_of(
        stack,
        request,
        models["map"],
        histories["map"],
        method=f"CryoGAN, {request.symmetry}, {len(stack.y)} particles",
        meaning=MEANING,
        cuts=_cuts(maps),
        agreements=agreements,
        warnings=(*suspicions, *stack.warnings, *(s for n, h in histories.items() for s in doubts(h, n))),
        provenance=provenance,
    )
    images = {"" if n == "map" else f"_{n.replace(' ', '')}": image_of(v, stack, provenance) for n, v in maps.items()}
    steps = {name: history.steps for name, history in histories.items()}
    return Found(images=images, account=account, facts=facts | {"steps": steps, "status": status(histories.values())})


def reference(path: Path, stack: Stack) -> Tensor:
    """Return a map to compare with, on the voxels of the particles, (1, 1, size, size, size).

    Raises
    ------
    InputError
        Where it is no cube of the width of the images.
    """
    image = read(path)
    if len(image.shape) != 3 or len(set(image.shape)) != 1:
        raise InputError(f"--truth is a map of as many planes as rows and columns; {path.name} has {image.shape}.")
    voxels = torch.from_numpy(np.array(image.data, np.float32))
    if not voxels.isfinite().all():
        raise InputError(f"The map {path.name} holds entries that are no finite numbers.")
    voxel, pixel = image.scale.get("X"), stack.pixel_size_angstrom
    if voxel and pixel and abs(voxel * image.shape[0] / (pixel * stack.size) - 1) > 0.01:
        raise InputError(
            f"The map {path.name} is {voxel * image.shape[0]:.1f} angstrom wide and the images "
            f"{pixel * stack.size:.1f}: pad or crop the map to their width."
        )
    return resized(voxels[None, None], stack.size)


def _dealt(half: Stack, k: int) -> Stack:
    """Return a half of the particles with every other patch of background: what both add they would agree about."""
    return half if half.background is None else replace(half, background=half.background[k::2])


def _made(stack: Stack, request: Request, number: int) -> Generative:
    """Return CryoGAN for these particles; another number has another critic."""
    group = point_group(request.symmetry).float().to(stack.y.device)
    rng = generator(stack.y.device, request.seed, number)
    settings = {"radius": request.reading.mask_radius, **checked("cryogan", request.settings, "generate")}
    symmetry, prior = group if len(group) > 1 else None, prior_of(stack, request)
    return cryogan(stack.size, prior, rng=rng, symmetry=symmetry, background=stack.background, **settings)


def _agreements(
    maps: Mapping[str, Tensor], truth: Tensor | None, pixel: float | None, request: Request
) -> tuple[tuple[Agreement, ...], dict[str, Any]]:
    """Return the Fourier shell correlations, between halves and with the truth, and the facts of them."""
    curves, facts = [], {}
    if "half 1" in maps:
        rng = generator(maps["map"].device, request.seed, 1 << 21)
        halves = half_set_fsc(maps["half 1"], maps["half 2"], rng, radius=request.reading.mask_radius)
        facts["half_maps"] = _read_off(halves.frequency, halves.correlation, 0.143, pixel)
        sentence = (
            "Two trainings, each on its own half of the particles, with critics of their own, agree down to details of "
            f"{_length(facts['half_maps'], pixel)} (0.143), aligned over rotations, shifts and hands. What both get "
            "wrong alike (poses, foci, noise, positivity, projections) they agree about, and simulated halves agree on "
            "details that the truth does not have: a bound from above, not the resolution."
        )
        curves.append(("Agreement of half-maps", sentence, halves.frequency, halves.correlation, 0.143))
    if truth is not None:
        found = aligned(maps["map"], truth, generator(truth.device, request.seed, 1 << 22))
        frequency, correlation = fsc(truth[0, 0], found.volume[0, 0])
        facts["truth"] = _read_off(frequency, correlation, 0.5, pixel)
        facts["truth"] |= {"map_correlation": found.correlation, "mirrored": found.mirrored}
        sentence = (
            f"The map, {'mirrored and ' if found.mirrored else ''}aligned onto the truth, has a correlation of "
            f"{found.correlation:.3f} with it; that of Fourier shells falls to 0.5 at {_length(facts['truth'], pixel)}."
        )
        curves.append(("Agreement with the truth", sentence, frequency, correlation, 0.5))
    per = 1.0 if pixel is None else pixel
    unit = "1/voxel" if pixel is None else "1/Å"
    drawn = [
        Agreement(title=t, sentence=s, frequency=f / per, correlation=c, threshold=level, unit=unit)
        for t, s, f, c, level in curves
    ]
    return tuple(drawn), facts | {"agreement": [one.sentence for one in drawn]}


def _read_off(frequency: Array, correlation: Array, threshold: float, pixel: float | None) -> dict[str, Any]:
    """Return a curve in terms of JSON, with the smallest detail that agrees."""
    voxels = resolution(frequency, correlation, threshold)
    curve = {"cycles_per_voxel": frequency.tolist(), "correlation": correlation.tolist(), "threshold": threshold}
    return curve | {"resolution_voxels": voxels, "resolution_angstrom": pixel and pixel * voxels}


def _length(facts: Mapping[str, Any], pixel: float | None) -> str:
    voxels = facts["resolution_voxels"]
    limit = ", the limit of the sampling" if voxels <= 2 else ""
    return f"{voxels:.1f} voxels{limit}" if pixel is None else f"{voxels * pixel:.1f} angstrom{limit}"


def _cuts(maps: Mapping[str, Tensor]) -> dict[str, Values]:
    """Return sections of the map, and one of each half-map."""
    middle = maps["map"].shape[-1] // 2
    halves = {f"{name}, x-y": array(v[0, 0, middle]) for name, v in maps.items() if name != "map"}
    return sections(maps["map"]) | halves
