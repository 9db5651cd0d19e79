"""Reconstruct: from what an instrument recorded to an image, with a report on how well it explains the data."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pellucid.data.image import Image
from pellucid.data.io import writable, write
from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods import Method, card, checked, function
from pellucid.report import reconstruction as page
from pellucid.restoration import Restoration, restore
from pellucid.trust.consistency import consistency
from pellucid.workflows.account import account_of, first_image
from pellucid.workflows.denoise import Report
from pellucid.workflows.events import Event, Watch, alive, silent
from pellucid.workflows.evidence import versions
from pellucid.workflows.files import report_path, stem
from pellucid.workflows.model import Model
from pellucid.workflows.options import Options
from pellucid.workflows.scan import Scan, scan
from pellucid.workflows.session import file_hash

DIRECT = ("adjoint", "fbp")  # methods that go back through the instrument once, and never look at the residual


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """What `reconstruct` returns.

    Parameters
    ----------
    restoration
        The image, with axes and pixel sizes, in the units of its quantity.
    account
        What the report says of it.
    summary
        The facts of `pellucid reconstruct --json`.
    """

    restoration: Image
    account: page.Account
    summary: Mapping[str, Any]

    @property
    def report(self) -> Report:
        """The page that says how well it explains the data."""
        return Report(page.page(self.account))

    @property
    def image(self) -> np.ndarray[Any, Any]:
        """The numbers of the image."""
        return np.asarray(self.restoration.data)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the image; the suffix chooses the format."""
        return write(path, self.restoration, overwrite=overwrite, provenance=self.restoration.provenance)


@dataclass(frozen=True, kw_only=True)
class Request:
    """How to reconstruct: everything but the scan.

    Parameters
    ----------
    modality
        A name from `pellucid.workflows.scan.modalities()`.
    method
        A name from ``pellucid.methods.names("reconstruct")``; None takes the usual one of the modality.
    settings
        Of the method, by name.
    geometry
        What the file may not say, by the names of the modality.
    denoiser
        A trained model, for methods that denoise as they go.
    device, seed
        As in `Options`.
    """

    modality: str
    method: str | None = None
    settings: Mapping[str, Any]
    geometry: Mapping[str, Any]
    denoiser: Path | None = None
    device: str = "auto"
    seed: int = 0


def reconstruct(
    path: str | Path,
    *,
    modality: str,
    method: str | None = None,
    settings: Mapping[str, Any] | None = None,
    denoiser: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    watch: Watch = silent,
    **geometry: Any,
) -> Reconstruction:
    """Reconstruct an image from a scan with a classical method: nothing is trained.

    Parameters
    ----------
    path
        The scan.
    modality
        The kind of instrument: ``mri``, ``ct``, ...; `pellucid modalities` lists them.
    method
        A name from ``pellucid.methods.names("reconstruct")``; the usual one of the modality unless given.
    settings
        Of the method, by name.
    denoiser
        A trained model, for ``pnp`` and ``red``.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:0``.
    seed
        All randomness follows from it.
    watch
        Told of progress.
    geometry
        What the file may not say, such as ``wavelength_nm``; `pellucid modalities NAME` lists it.

    Raises
    ------
    InputError
        Where the scan cannot be reconstructed, in one sentence.
    """
    request = Request(
        modality=modality,
        method=method,
        settings=settings or {},
        geometry=geometry,
        denoiser=None if denoiser is None else Path(denoiser),
        device=device,
        seed=seed,
    )
    opened = scanned(Path(path), request, watch)
    return reconstructed(opened, Path(path), request, watch)


def deconvolve(path: str | Path, **options: Any) -> Reconstruction:
    """Deconvolve an image: `reconstruct` with a point spread function, measured or computed.

    Parameters
    ----------
    path
        The image.
    options
        As in `reconstruct`; the geometry holds ``psf``, or ``na``, ``wavelength_nm`` and what else there is to know.
    """
    return reconstruct(path, modality="deconvolution", **options)


def reconstruct_file(
    path: Path,
    request: Request,
    *,
    output: Path | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
    watch: Watch,
) -> dict[str, Any]:
    """Reconstruct a scan into a file, with a report beside it; return the facts.

    Raises
    ------
    InputError
        In one sentence; nothing is written then.
    """
    start = time.monotonic()
    if output is not None:
        writable(output, overwrite=overwrite)
    opened = scanned(path, request, watch)
    ending = "_deconvolved" if request.modality == "deconvolution" else "_reconstructed"
    target = output or path.with_name(stem(path) + ending + opened.suffix)
    if target.resolve() == path.resolve():
        raise InputError("The result would replace its input, which is never done: choose another name with -o.")
    writable(target, overwrite=overwrite)
    report = report_path(target)
    if report.exists() and not overwrite:
        raise InputError(f"{report} exists already: choose another name with -o, or add --overwrite.")
    where = {"input": str(path), "output": str(target), "report": str(report)}
    if dry_run:
        return where | {"method": request.method or opened.method, "notes": opened.notes, "quantity": opened.quantity}
    found = reconstructed(opened, path, request, watch)
    command = {"command": shlex.join(["pellucid", *sys.argv[1:]])}
    image = replace(found.restoration, provenance=dict(found.restoration.provenance) | command)
    write(target, image, overwrite=overwrite, provenance=image.provenance)
    account = replace(found.account, title=target.name, provenance=image.provenance)
    replace(found, account=account).report.save(report)
    return where | dict(found.summary) | {"seconds": round(time.monotonic() - start, 3)}


def scanned(path: Path, request: Request, watch: Watch) -> Scan:
    """Read a scan, and check what is asked of it."""
    if request.method is not None:
        card(request.method, "reconstruct")
        checked(request.method, request.settings, "reconstruct")
    opened = scan(path, request.modality, request.geometry)
    for note in opened.notes:
        watch(Event("read", note))
    return opened


def reconstructed(opened: Scan, path: Path, request: Request, watch: Watch) -> Reconstruction:
    """Reconstruct a scan in memory, with its account."""
    device = Options(device=request.device).place()
    measurement = _on(opened.measurement, device)
    name = request.method or opened.method
    doing = f"Reconstructing with {card(name, 'reconstruct').title} on {device}"
    watch(Event("reconstruct", f"{doing}."))
    with alive(watch, "reconstruct", doing):
        method = _method(name, measurement, request)
        restoration = restore(measurement, method.restorer)
    if not restoration.image.isfinite().all():
        raise InputError(f"{name} found no finite image in {path.name}; try --method cg, or look at the geometry.")
    provenance = {
        "modality": request.modality,
        "method": name,
        "settings": dict(request.settings),
        "geometry": {key: str(value) for key, value in request.geometry.items()},
        "notes": list(opened.notes),
        "seed": request.seed,
        "device": str(device),
        "inputs": {str(file): file_hash(file) for file in _files(path, request)},
        "versions": versions(),
    }
    return _told(opened, measurement, method, restoration, provenance)


def _told(
    opened: Scan,
    measurement: Measurement,
    method: Method,
    restoration: Restoration,
    provenance: Mapping[str, Any],
) -> Reconstruction:
    """Gather what is written and said of a reconstruction."""
    found = consistency(measurement, restoration, fitted=provenance["method"] not in DIRECT)
    image = opened.image(restoration.image.cpu())
    first = opened.image(first_image(measurement, restoration).cpu())
    choice = getattr(method.restorer, "choice", None)
    provenance = dict(provenance) | found.as_dict() | ({} if choice is None else {"strength": choice.strength})
    account = account_of(opened, measurement, restoration, (first, image), found, choice, provenance)
    summary = {
        "method": provenance["method"],
        "quantity": opened.quantity,
        "notes": list(opened.notes),
        **found.as_dict(),
        "verdict": found.level,
        "sentence": found.sentence,
    }
    image = replace(image, provenance=provenance)
    return Reconstruction(restoration=image, account=account, summary=summary)


def _method(name: str, measurement: Measurement, request: Request) -> Method:
    """Return the method, made for this measurement."""
    given = checked(name, request.settings, "reconstruct")
    if request.denoiser is not None:
        given["denoiser"] = Model.load(request.denoiser, measurement.y.device).channels[0].restorer
    rng = torch.Generator(measurement.y.device).manual_seed(request.seed)
    return function(name, "reconstruct")(measurement, rng=rng, **given)


def _on(measurement: Measurement, device: torch.device) -> Measurement:
    """Return a measurement on a device."""
    weight, noise = measurement.weight, measurement.noise
    return replace(
        measurement,
        y=measurement.y.to(device),
        operator=measurement.operator.to(device),
        weight=None if weight is None else weight.to(device),
        noise=None if noise is None else noise.to(device),
    )


def _files(path: Path, request: Request) -> list[Path]:
    """Return all files that a reconstruction is made from: the scan, those that its geometry names, the model."""
    named = [value for value in (*request.geometry.values(), request.denoiser) if isinstance(value, Path)]
    return [path, *(file for file in named if file.exists())]
