"""A density from particles in unknown poses, and how far it may be believed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid._math.point_groups import point_group
from pellucid._math.seeds import generator
from pellucid._math.turn import resized
from pellucid.data.image import Image
from pellucid.data.io import read
from pellucid.data.measurement import Measurement
from pellucid.data.patches import Patches
from pellucid.data.prepare.particles import radial_power
from pellucid.errors import InputError
from pellucid.methods import checked
from pellucid.methods.generate.cryogan import cryogan
from pellucid.methods.generate.generative import Generative
from pellucid.metrics.fourier import Array, fsc, resolution
from pellucid.metrics.maps import aligned, half_set_fsc
from pellucid.operators import Identity
from pellucid.operators.cryo import PosePrior
from pellucid.report.evidence import Values
from pellucid.report.particles import Account, Agreement, montage
from pellucid.workflows.learn import Job
from pellucid.workflows.particles_stack import LEAST, Stack
from pellucid.workflows.particles_training import (
    BATCH,
    Found,
    Request,
    array,
    begin,
    doubts,
    learning_of,
    status,
    trained,
)

_FEW = 1000  # particles below which no map is to be expected
_SURE = 3.0  # standard errors from which a contrast has a sign
_SHOWN, _MADE = 16, 512  # images in the report; made for their power

MEANING = (
    "A generated map: seen from random sides, through the transfer functions and under the noise of the particles, it "
    "makes images that are distributed like those recorded. It owes nothing to a reference or to a search for poses.",
    "It is no refinement. The poses of the particles are not found; junk among them, sides that are seen more often, "
    "wrong foci or other noise go into the map, and nothing here tells of them. Likelihood methods (RELION, cryoSPARC, "
    "cryoDRGN) reach far finer detail, and are what a structure is determined with.",
    "The hand is arbitrary: a map and its mirror image have the same projections.",
)


def check(stack: Stack, request: Request) -> tuple[str, ...]:
    """Refuse particles that no density explains; return what to doubt about the others.

    Raises
    ------
    InputError
        In one sentence.
    """
    least, count = (2 * LEAST if request.halves else LEAST), len(stack.y)
    if count < least:
        raise InputError(f"Two halves need {least} particles, and {count} are there: leave out --halves.")
    if stack.contrast < -_SURE:
        change = "leave out --invert" if request.reading.invert else "add --invert"
        raise InputError(
            f"The particles are darker than their surroundings, by {-stack.contrast:.0f} standard errors, and density "
            f"is taken for bright: {change}."
        )
    found = []
    if stack.contrast < _SURE:
        found.append("Whether the particles are bright or dark does not show: a wrong sign makes the map meaningless.")
    if count < _FEW:
        found.append(f"{count} particles are too few: {_FEW} or more are needed for the map to mean anything.")
    return tuple(found)


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
        parts |= {f"half {k}": stack[rows] for k, rows in enumerate(order.to(stack.y.device).chunk(2), 1)}
    maps, histories = {}, {}
    for number, (name, part) in enumerate(parts.items()):
        made = _made(part, request, number)
        histories[name] = trained(made, _source(part), name, job, number=number, parts=len(parts))
        with torch.no_grad():
            maps[name] = made.model()
    if not all(bool(volume.std() > 0) for volume in maps.values()):
        raise InputError("The map is still empty after this training: train longer, or look at the images' contrast.")
    seen = _seen(maps["map"], _prior(stack, request), request.seed)
    agreements, facts = _agreements(maps, truth, stack.pixel_size_angstrom, request)
    warnings = (*suspicions, *stack.warnings, *(s for n, h in histories.items() for s in doubts(h, n)))
    account = Account(
        title="map",
        method=f"CryoGAN, {request.symmetry}, {len(stack.y)} particles",
        meaning=MEANING,
        recorded=montage(array(stack.y[:_SHOWN, 0])),
        made=montage(array(seen[:_SHOWN])),
        names=("Recorded", "Made by the map"),
        heading="Images that were recorded, and others that the map makes",
        cuts=_cuts(maps),
        learning=learning_of(histories["map"], "wasserstein"),
        learned="distance to the images of the map, as the critic sees it",
        agreements=agreements,
        powers=_powers(stack, seen),
        warnings=warnings,
        notes=(*stack.notes, _assumed(request, stack)),
        provenance=provenance,
    )
    images = {"" if n == "map" else f"_{n.replace(' ', '')}": _image(v, stack, provenance) for n, v in maps.items()}
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


def _prior(stack: Stack, request: Request) -> PosePrior:
    """Return how the particles are believed to lie and to be recorded."""
    shift = 0.01 * stack.size if request.shift is None else request.shift / stack.shrunk
    return PosePrior(stack.size, shift=shift, transfers=stack.transfers)


def _made(stack: Stack, request: Request, number: int) -> Generative:
    """Return CryoGAN for these particles; another number has another critic."""
    group = point_group(request.symmetry).float().to(stack.y.device)
    rng = generator(stack.y.device, request.seed, number)
    settings = {"radius": request.reading.mask_radius, **checked("cryogan", request.settings, "generate")}
    symmetry = group if len(group) > 1 else None
    return cryogan(stack.size, _prior(stack, request), rng=rng, symmetry=symmetry, **settings)


def _source(stack: Stack) -> Patches:
    """Return whole images, drawn at random: which transfer function each has does not matter."""
    measured = stack.measurement
    data = Measurement(y=measured.y, operator=Identity(), noise=measured.noise)
    return Patches(data=data, patch=(stack.size, stack.size), batch=BATCH, symmetries="none")


@torch.no_grad()
def _seen(volume: Tensor, prior: PosePrior, seed: int) -> Tensor:
    """Return images of a map as the microscope would record them, (image, size, size)."""
    rng = generator(volume.device, seed, 1 << 20)
    clean = torch.cat([prior.draw(BATCH, rng)(volume)[:, 0, 0] for _ in range(_MADE // BATCH)])
    return clean + torch.randn(clean.shape, generator=rng, device=clean.device)


def _powers(stack: Stack, seen: Tensor) -> tuple[Values, Values, Values]:
    """Return frequencies up to that of Nyquist, and the power of recorded and of made images."""
    shells = stack.size // 2 + 1
    recorded, made = (array(radial_power(images)[:shells]) for images in (stack.y[:, 0], seen))
    return np.arange(shells) / stack.size, recorded, made


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
            "Two trainings, each on its own half of the particles, with critics of their own, after alignment over "
            f"rotations, shifts and hands: 0.143 is reached at {_length(facts['half_maps'], pixel)}. What both assume "
            "alike (poses, foci, noise, positivity) they agree about: this is no proof of the map."
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


def _image(volume: Tensor, stack: Stack, provenance: Mapping[str, Any]) -> Image:
    size = stack.pixel_size_angstrom
    return Image(
        data=volume[0, 0].cpu().numpy(),
        axes="ZYX",
        scale=dict.fromkeys("ZYX", size) if size else {},
        units=dict.fromkeys("ZYX", "angstrom") if size else {},
        provenance=provenance,
    )


def _assumed(request: Request, stack: Stack) -> str:
    shift = 0.01 * stack.size * stack.shrunk if request.shift is None else request.shift
    return (
        f"Assumed: all sides are seen alike; particles lie within {shift:.2g} recorded pixels (standard deviation; "
        f"--shift) of the centres of their images, in a ball of {request.reading.mask_radius:g} half edges; symmetry "
        f"{request.symmetry}; density is nowhere negative."
    )


def _cuts(maps: Mapping[str, Tensor]) -> dict[str, Values]:
    """Return the three sections through the middle of the map, its sum along z, and a section of each half-map."""
    whole = array(maps["map"][0, 0])
    middle = whole.shape[0] // 2
    found = {"Section x-y": whole[middle], "Section x-z": whole[:, middle], "Section y-z": whole[:, :, middle]}
    return found | {f"{name}, x-y": array(v[0, 0, middle]) for name, v in maps.items() if name != "map"}
