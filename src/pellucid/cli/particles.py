"""The verb that learns from images of particles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pellucid.cli import options as o
from pellucid.cli.job import Answer, Cancel, perform
from pellucid.workflows.events import Watch

if TYPE_CHECKING:
    from pellucid.workflows.particles_training import Request

Stack = Annotated[Path, typer.Argument(metavar="STACK", help="MRC stack of particles, or a STAR file that names one.")]
Method = Annotated[
    Literal["cryogan", "multi_cryogan", "spatial_vae"],
    typer.Option(help="cryogan: a map. multi_cryogan: maps of a molecule that moves. spatial_vae: poses in the plane."),
]
Star = Annotated[
    Path | None, typer.Option(metavar="FILE", help="STAR file of the stack, with its contrast transfer functions.")
]
DataDir = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Where names in a STAR file start.", show_default="the folder of the file"),
]
Size = Annotated[
    int | None,
    typer.Option(metavar="N", help="Crop images in Fourier space to N pixels.", show_default="32: takes minutes"),
]
Symmetry = Annotated[str, typer.Option(metavar="GROUP", help="Point group of the map: C1, D2, T, O, I, ...")]
MaskRadius = Annotated[
    float, typer.Option(help="Of the circle that holds the particle, in half edges; noise is measured outside of it.")
]
Shift = Annotated[
    float | None,
    typer.Option(
        metavar="PIXELS",
        help="How far particles lie from the centres of their images (standard deviation).",
        show_default="a hundredth of the edge",
    ),
]
Pixel = Annotated[float | None, typer.Option(metavar="Å", help="Size of a recorded pixel, where the files do not say.")]
Invert = Annotated[bool, typer.Option("--invert", help="Particles are darker than their surroundings, as recorded.")]
Background = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="MRC stack of patches without particles: noise as it is, not Gaussian."),
]
Halves = Annotated[
    bool, typer.Option("--halves", help="Train on each half of the particles too, and compare (FSC 0.143).")
]
Truth = Annotated[Path | None, typer.Option(metavar="MAP", help="Compare with a map after alignment (FSC 0.5).")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="The map (.mrc) or the poses (.star).", show_default="beside the stack"),
]
Budget = Annotated[str | None, typer.Option(metavar="TIME", help="Time for all trainings.", show_default="10m")]


def particles(
    stack: Stack,
    output: Output = None,
    method: Method = "cryogan",
    settings: o.Settings = [],  # noqa: B006 - Typer copies it
    star: Star = None,
    data_dir: DataDir = None,
    size: Size = None,
    symmetry: Symmetry = "C1",
    mask_radius: MaskRadius = 0.85,
    shift: Shift = None,
    pixel_size_angstrom: Pixel = None,
    invert: Invert = False,
    background: Background = None,
    halves: Halves = False,
    truth: Truth = None,
    device: o.Device = "auto",
    seed: o.Seed = 0,
    budget: Budget = None,
    steps: o.Steps = None,
    resume: o.Resume = False,
    overwrite: o.Overwrite = False,
    json: o.Json = False,
    verbose: o.Verbose = False,
) -> None:
    """Learn a map, or poses, from images of particles that nobody has aligned.

    What comes out is generated: a model of how the images are distributed, not a refinement. The report says what may
    be read from it.
    """
    reading: o.Given = {"star": star, "data_dir": data_dir, "size": size, "mask_radius": mask_radius}
    reading |= {"pixel_size_angstrom": pixel_size_angstrom, "invert": invert, "background": background}
    asked: o.Given = {"method": method, "symmetry": symmetry, "shift": shift, "halves": halves, "truth": truth}
    asked |= {"device": device, "seed": seed, "steps": steps}
    how: o.Given = {"overwrite": overwrite, "resume": resume}

    def task(watch: Watch, cancel: Cancel) -> Answer:
        from pellucid.workflows.particles import output_of, particles_files

        request = _request(settings, reading, budget, asked)
        facts = particles_files(stack, request, output_of(stack, output, method), **how, watch=watch, cancel=cancel)
        return Answer(facts=facts, text=_described(facts), trusted=not facts["warnings"])

    perform(task, as_json=json, verbose=verbose)


def _request(settings: list[str], reading: o.Given, budget: str | None, asked: o.Given) -> Request:
    """Return what is asked for, as the workflow takes it."""
    o.exclude(("--budget", budget), ("--steps", asked["steps"]))
    from pellucid.workflows.options import duration
    from pellucid.workflows.particles_stack import Reading
    from pellucid.workflows.particles_training import Request

    seconds = None if budget is None else duration(budget)
    return Request(settings=o.assignments(settings), reading=Reading(**reading), seconds=seconds, **asked)


def _described(facts: Mapping[str, Any]) -> str:
    told = [f"{facts['input']} -> {facts['output']}", f"  method         {facts['method']}: generated, no refinement"]
    told += [f"  found          {note}" for note in facts["notes"]]
    told += [f"  agreement      {sentence}" for sentence in facts.get("agreement", ())]
    told += [f"  written        {file}" for file in facts["files"][1:]]
    told += [f"  report         {facts['report']}"]
    return "\n".join(told + [f"  warning        {warning}" for warning in facts["warnings"]])
