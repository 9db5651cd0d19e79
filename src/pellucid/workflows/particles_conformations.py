"""Densities of a molecule that moves, from particles in unknown poses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from pellucid._math.seeds import generator
from pellucid.errors import InputError
from pellucid.methods import checked
from pellucid.methods.generate.multi_cryogan import multi_cryogan
from pellucid.restorers.generator import Pushforward
from pellucid.workflows.learn import Job
from pellucid.workflows.particles_maps import MEANING, account_of, check, image_of, prior_of, sections, source_of
from pellucid.workflows.particles_stack import Stack
from pellucid.workflows.particles_training import BATCH, Found, Request, array, doubts, status, trained
from pellucid.workflows.resuming import begin

_PLACES = (-2, -1, 1, 2)  # along an axis of the code, in deviations; the map at zero beside them


def additions(request: Request) -> list[str]:
    """Return what is added to the name of the output for each map: which axis of the code, and how far along it.

    Examples
    --------
    >>> additions(Request(method="multi_cryogan"))
    ['', '_z1-2', '_z1-1', '_z1+1', '_z1+2']
    """
    settings = checked("multi_cryogan", request.settings, "generate")
    axes = range(1, settings.get("code", 1) + 1)
    return ["", *(f"_z{axis}{place:+d}" for axis in axes for place in _PLACES)]


def conformations(stack: Stack, request: Request, job: Job, provenance: Mapping[str, Any]) -> Found:
    """Train Multi-CryoGAN on particles, and return maps along each axis of its code.

    Raises
    ------
    InputError
        In one sentence.
    KeyboardInterrupt
        Where the job was cancelled.
    """
    suspicions = check(stack, request)
    begin(job, provenance)
    settings = {"radius": request.reading.mask_radius, **checked("multi_cryogan", request.settings, "generate")}
    rng = generator(stack.y.device, request.seed)
    made = multi_cryogan(stack.size, prior_of(stack, request), rng=rng, background=stack.background, **settings)
    history = trained(made, source_of(stack, 2 * BATCH), "maps", job)
    model = made.model
    assert isinstance(model, Pushforward)
    places = [torch.zeros(model.code), *(place * axis for axis in torch.eye(model.code) for place in _PLACES)]
    with torch.no_grad():
        maps = dict(
            zip(additions(request), model.network(torch.stack(places).to(stack.y.device)).split(1), strict=True)
        )
    if not all(bool(volume.std() > 0) for volume in maps.values()):
        raise InputError("A map is still empty after this training: train longer, or look at the images' contrast.")
    ends = {a: _correlation(maps[f"_z{a}-2"], maps[f"_z{a}+2"]) for a in range(1, model.code + 1)}
    middle = stack.size // 2
    account = account_of(
        stack,
        request,
        model,
        history,
        method=f"Multi-CryoGAN, {len(stack.y)} particles",
        meaning=(*MEANING, _moving(ends)),
        cuts=sections(maps[""]) | {f"{n[1:]}, x-y": array(v[0, 0, middle]) for n, v in maps.items() if n},
        warnings=(*suspicions, *stack.warnings, *doubts(history, "maps")),
        provenance=provenance,
    )
    return Found(
        images={name: image_of(volume, stack, provenance) for name, volume in maps.items()},
        account=account,
        facts={"steps": history.steps, "status": status([history]), "correlation_of_ends": ends},
    )


def _moving(ends: Mapping[int, float]) -> str:
    told = ", ".join(f"{value:.3f} along axis {axis}" for axis, value in ends.items())
    return (
        "Each map is one of a distribution: that at the middle of the code, and those at one and two deviations along "
        f"its axes. The maps two deviations to either side correlate {told}; they may be turned or mirrored as they "
        "change, so align them before comparing. The training began with random densities, and after few steps that is "
        "what they are. How often a conformation is drawn is no measured frequency."
    )


def _correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.corrcoef(torch.stack((a.flatten(), b.flatten())))[0, 1])
