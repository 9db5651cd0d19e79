"""Poses of particles in the plane, and how their shape varies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pellucid._math.seeds import generator
from pellucid.data.image import Image
from pellucid.data.scans import Scans
from pellucid.methods import checked
from pellucid.methods.generate.spatial_vae import spatial_vae
from pellucid.report.evidence import Values
from pellucid.report.particles import Account, montage
from pellucid.restorers.spatial import Poses, Spatial
from pellucid.workflows.learn import Job
from pellucid.workflows.particles_stack import Stack
from pellucid.workflows.particles_training import Found, Request, array, doubts, learning_of, status, trained
from pellucid.workflows.resuming import begin

Columns = dict[str, Any]

_BATCH, _SHOWN, _STEPS = 32, 16, 7  # particles a step; images in the report; along an axis of the code
_AT_ONCE = 256  # images that are rendered together
_VAGUE = 0.5  # posterior deviation of an angle over that of the prior, from which it is not determined

MEANING = (
    "Poses in the plane and a code of shape, inferred from each image by a model that was learned from all of them. "
    "The images of the model are generated: they show what it takes a particle for, not what was recorded.",
    "Angles and origins bring the particles onto the model's own reference, as a class average would have it. They are "
    "no orientations in space: sides of one molecule differ by their code, if at all. The deviations are those of the "
    "model's posterior about the likeliest turn; they know nothing of other turns, nor of what the model cannot say.",
)


def poses(stack: Stack, request: Request, job: Job, provenance: Mapping[str, Any]) -> Found:
    """Train spatial-VAE on particles, and infer the pose of each.

    Raises
    ------
    InputError
        In one sentence.
    KeyboardInterrupt
        Where the job was cancelled.
    """
    measured = stack.measurement
    given = {} if request.shift is None else {"shift": request.shift / stack.shrunk}
    settings = given | checked("spatial_vae", request.settings, "generate")
    made = spatial_vae(measured, rng=generator("cpu", request.seed), **settings)
    begin(job, provenance)
    history = trained(made, Scans([measured], _BATCH), "poses", job)
    model = made.model
    assert isinstance(model, Spatial)
    found = model.poses(measured)
    images = _rendered(model, found)
    explained = measured.operator[slice(_SHOWN)](images[:_SHOWN])
    account = Account(
        title="poses",
        method=f"spatial-VAE, {len(stack.y)} particles",
        meaning=MEANING,
        recorded=montage(array(stack.y[:_SHOWN, 0])),
        made=montage(array(explained[:, 0])),
        names=("Recorded", "Explained, without noise"),
        heading="Recorded particles, and what the model takes them for",
        cuts=_traversed(model),
        learning=learning_of(history, "likelihood"),
        learned="minus log likelihood of a pixel, nats",
        warnings=(*vague(found, model.prior.rest), *stack.warnings, *doubts(history, "poses")),
        notes=stack.notes,
        provenance=provenance,
    )
    return Found(
        images={"_means": _stack_of(images, stack)},
        tables=tables(stack, found),
        picture=_enlarged(montage(array(model.traverse(_STEPS)[:, :, 0].flatten(0, 1)), _STEPS), stack.size),
        account=account,
        facts={"steps": history.steps, "status": status([history])} | _deviations(found, stack),
    )


def tables(stack: Stack, found: Poses) -> dict[str, Columns]:
    """Return the tables of a STAR file: those that were read, with the poses in place of what they had.

    Origins are in angstrom where the size of a pixel is known, else in recorded pixels; deviations of the posterior
    and codes stand in columns of our own, ``pellucid...``.
    """
    kept: dict[str, Columns] = {name: dict(columns) for name, columns in stack.tables.items()}
    if not kept and stack.pixel_size_angstrom is not None:
        kept["optics"] = {"rlnOpticsGroup": [1], "rlnImagePixelSize": [stack.pixel_size_angstrom / stack.shrunk]}
        kept["optics"] |= {"rlnImageSize": [round(stack.size * stack.shrunk)], "rlnImageDimensionality": [2]}
    if not stack.tables:
        group = {"rlnOpticsGroup": [1] * len(stack.names)} if kept else {}
        kept["particles"] = {"rlnImageName": list(stack.names)} | group
    name = "particles" if "particles" in kept else next(n for n, block in kept.items() if "rlnImageName" in block)
    posed = _columns(stack, found)
    ours = {"rlnOriginX", "rlnOriginY", "rlnOriginXAngst", "rlnOriginYAngst", *posed}
    return kept | {name: {key: v for key, v in kept[name].items() if key not in ours} | posed}


def _columns(stack: Stack, found: Poses) -> Columns:
    """Return what a STAR file says of each pose."""
    pixel, degrees, spreads = stack.pixel_size_angstrom, 180 / math.pi, array(found.spreads)
    unit, ending = (stack.shrunk, "") if pixel is None else (pixel, "Angst")
    zero = [0.0] * len(spreads)
    columns: Columns = {"rlnAngleRot": zero, "rlnAngleTilt": zero, "rlnAnglePsi": degrees * array(found.angle)}
    columns |= {f"rlnOrigin{axis}{ending}": -unit * array(found.shift[:, k]) for k, axis in ((1, "X"), (0, "Y"))}
    columns |= {"pellucidAnglePsiDeviation": degrees * spreads[:, 0]}
    columns |= {f"pellucidOrigin{axis}{ending}Deviation": unit * spreads[:, 1 + k] for k, axis in ((1, "X"), (0, "Y"))}
    for k in range(found.latent.shape[1]):
        columns |= {f"pellucidCode{k + 1}": array(found.latent[:, k])}
        columns |= {f"pellucidCode{k + 1}Deviation": spreads[:, 3 + k]}
    return columns


@torch.no_grad()
def _rendered(model: Spatial, found: Poses) -> Tensor:
    """Return the noiseless image of each particle, (particle, 1, size, size)."""
    parts = (torch.split(values, _AT_ONCE) for values in (found.angle, found.shift, found.latent))
    return torch.cat([model.render(*part) for part in zip(*parts, strict=True)])


def _traversed(model: Spatial) -> dict[str, Values]:
    """Return what each axis of the code changes, one strip an axis."""
    strips = array(model.traverse(_STEPS)[:, :, 0])
    return {f"Axis {k} of the code, -2 to 2 deviations": montage(s, _STEPS) for k, s in enumerate(strips, 1)}


def _enlarged(plane: Values, size: int) -> Values:
    """Return a plane of images of that size with each pixel as a square, so that an image has a hundred or more."""
    times = -(-100 // size)
    return plane.repeat(times, 0).repeat(times, 1)


def vague(found: Poses, rest: float) -> tuple[str, ...]:
    """Return a sentence where the images tell little of their angles: `rest` is the deviation beforehand."""
    spread = float(found.spreads[:, 0].median())
    if spread < _VAGUE * rest:
        return ()
    told = f"{math.degrees(spread):.0f} degrees of deviation in the median, of {math.degrees(rest):.0f} beforehand"
    return (f"The angles are hardly determined ({told}): train longer, or do not rely on them.",)


def _deviations(found: Poses, stack: Stack) -> dict[str, float]:
    """Return the medians of the posterior's deviations."""
    angle, shift = float(found.spreads[:, 0].median()), float(found.spreads[:, 1:3].median())
    return {"angle_deviation_degrees": math.degrees(angle), "shift_deviation_pixels": shift * stack.shrunk}


def _stack_of(images: Tensor, stack: Stack) -> Image:
    size = stack.pixel_size_angstrom
    return Image(
        data=images[:, 0].float().cpu().numpy(),
        axes="SYX",
        scale=dict.fromkeys("YX", size) if size else {},
        units=dict.fromkeys("YX", "angstrom") if size else {},
    )
