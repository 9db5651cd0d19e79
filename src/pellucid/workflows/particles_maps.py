"""What is common to all that is learned from particles as density: what is refused, what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid._math.seeds import generator
from pellucid.data.image import Image
from pellucid.data.measurement import Measurement
from pellucid.data.patches import Patches
from pellucid.data.prepare.particles import radial_power
from pellucid.errors import InputError
from pellucid.methods import checked
from pellucid.methods.generate.cryogan import Recorded
from pellucid.operators import Identity
from pellucid.operators.cryo import PosePrior
from pellucid.report.evidence import Values
from pellucid.report.particles import Account, montage
from pellucid.restorers.generator import Generator
from pellucid.training import History
from pellucid.workflows.particles_stack import LEAST, Stack
from pellucid.workflows.particles_training import BATCH, Request, array, learning_of

_SHOWN = 16  # images in the report
_MADE = 512  # images for their power
_PATCHES = 100  # of background, below which they are too few
_FEW = 1000  # particles below which no map is to be expected
_SURE = 3.0  # standard errors from which a contrast has a sign

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
    if stack.background is not None and len(stack.background) < _PATCHES:
        found.append(f"{len(stack.background)} patches of background are few: the critic may learn them by heart.")
    return tuple(found)


def prior_of(stack: Stack, request: Request) -> PosePrior:
    """Return how the particles are believed to lie and to be recorded."""
    shift = 0.01 * stack.size if request.shift is None else request.shift / stack.shrunk
    return PosePrior(stack.size, shift=shift, transfers=stack.transfers)


def source_of(stack: Stack, batch: int = BATCH) -> Patches:
    """Return whole images, drawn at random: which transfer function each has does not matter."""
    measured = stack.measurement
    data = Measurement(y=measured.y, operator=Identity(), noise=measured.noise)
    return Patches(data=data, patch=(stack.size, stack.size), batch=batch, symmetries="none")


@torch.no_grad()
def seen(model: Generator, stack: Stack, request: Request) -> Tensor:
    """Return images of draws of density as the microscope would record them, (image, size, size)."""
    rng = generator(stack.y.device, request.seed, 1 << 20)
    recorded = Recorded(prior_of(stack, request), stack.background)
    like = stack.measurement.with_y(stack.y[:1].expand(BATCH, -1, -1, -1))
    return torch.cat([recorded(model, like, rng)[:, 0] for _ in range(_MADE // BATCH)])


def powers(stack: Stack, made: Tensor) -> tuple[Values, Values, Values]:
    """Return frequencies up to that of Nyquist, and the power of recorded and of made images."""
    shells = stack.size // 2 + 1
    recorded, ours = (array(radial_power(images)[:shells]) for images in (stack.y[:, 0], made))
    return np.arange(shells) / stack.size, recorded, ours


def account_of(stack: Stack, request: Request, model: Generator, history: History, **told: Any) -> Account:
    """Return what the report says of a model of density, with what is told of its kind."""
    made = seen(model, stack, request)
    return Account(
        title="map",
        recorded=montage(array(stack.y[:_SHOWN, 0])),
        made=montage(array(made[:_SHOWN])),
        names=("Recorded", "Made by the model"),
        heading="Images that were recorded, and others that the model makes",
        learning=learning_of(history, "wasserstein"),
        learned="distance to the images of the model, as the critic sees it",
        powers=powers(stack, made),
        notes=(*stack.notes, _assumed(request, stack)),
        **told,
    )


def sections(volume: Tensor) -> dict[str, Values]:
    """Return the three sections through the middle of a map, (1, 1, size, size, size)."""
    whole = array(volume[0, 0])
    middle = whole.shape[0] // 2
    return {"Section x-y": whole[middle], "Section x-z": whole[:, middle], "Section y-z": whole[:, :, middle]}


def image_of(volume: Tensor, stack: Stack, provenance: Mapping[str, Any]) -> Image:
    """Return a map, (1, 1, size, size, size), as it is written."""
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
    noise = "Gaussian" if stack.background is None else "that of the background's patches"
    known = {"radius": request.reading.mask_radius, "positive": True}
    known |= checked(request.method, request.settings, "generate")
    return (
        f"Assumed: all sides are seen alike; particles lie within {shift:.2g} recorded pixels (standard deviation; "
        f"--shift) of the centres of their images, in a ball of {known['radius']:g} half edges; symmetry "
        f"{request.symmetry}; noise is {noise}{'; density is nowhere negative' if known['positive'] else ''}."
    )
