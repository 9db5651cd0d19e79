"""Sample behind a blur: from one noisy, blurred file to many images that may lie behind it."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from pellucid._math.seeds import generator
from pellucid.data.image import Image
from pellucid.data.io import create, write
from pellucid.data.measurement import Measurement
from pellucid.data.scans import chosen
from pellucid.errors import InputError
from pellucid.methods import Method, card, names
from pellucid.restoration import Restoration
from pellucid.restorers.base import PosteriorSampler, mean_and_spread
from pellucid.restorers.mean_shift import mode
from pellucid.workflows.events import Event, Watch, silent
from pellucid.workflows.files import forget, report_path, stopped
from pellucid.workflows.options import Options
from pellucid.workflows.reconstruct import finish, prepare
from pellucid.workflows.reconstruction import Reconstruction
from pellucid.workflows.request import Request
from pellucid.workflows.sample import images_like, job_of, places_of, require
from pellucid.workflows.scan import Scan, scan
from pellucid.workflows.scan_files import expand
from pellucid.workflows.scan_model import ScanModel


@dataclass
class Draws:
    """Draws from the posterior of a method; keeps them in a file without a name, and maybe where they are densest.

    Parameters
    ----------
    count, seed
        How many, two or more; what they follow from.
    likeliest
        Whether to look for the mode.
    file
        Open for writing and reading: the draws of each entry of the batch, one after another.
    watch, cancel
        Told of progress; asked whether to stop.
    """

    count: int
    seed: int
    likeliest: bool
    file: BinaryIO
    watch: Watch = silent
    cancel: Callable[[], bool] = lambda: False
    found: dict[str, Tensor] = field(default_factory=dict)

    def __call__(self, data: Measurement, method: Method) -> Restoration:
        """Return the mean and the spread of the draws, entry by entry of the batch."""
        restorer = method.restorer
        assert isinstance(restorer, PosteriorSampler)
        with torch.no_grad():
            entries = [mean_and_spread(self._drawn(data, restorer, number)) for number in range(len(data.y))]
            mean, spread = (torch.cat(parts) for parts in zip(*entries, strict=True))
            shape = (len(data.y), self.count, *mean.shape[1:])
            draws = torch.from_numpy(np.memmap(self.file, np.float32, "r+", shape=shape))
            self.found = {"draws": draws.transpose(0, 1), "spread": spread}
            if self.likeliest:
                self.found["map"] = torch.stack([mode(entry) for entry in draws])
            residual = data.y - data.operator(mean.to(data.y))
        return Restoration(image=mean.to(data.y), spread=spread, residual=residual, provenance={})

    def _drawn(self, data: Measurement, restorer: PosteriorSampler, number: int) -> Iterator[Tensor]:
        """Draw one entry of the batch, and keep each draw."""
        draw = restorer.posterior(chosen(data, torch.tensor([number], device=data.y.device), (number,)))
        for k in range(self.count):
            if self.cancel():
                raise KeyboardInterrupt
            done = number * self.count + k
            total = len(data.y) * self.count
            self.watch(Event("draw", f"Drawing {done + 1} of {total}.", done / total))
            x = draw(generator(data.y.device, self.seed, number, k)).float().cpu()
            self.file.write(x.numpy().tobytes())
            yield x


def behind(psf: Path, options: Options, *, axes: str | None, channel: str | None, model: Path | None) -> Request:
    """Return how to draw from behind a blur."""
    geometry = {"psf": psf, "axes": axes, "channel": channel}
    return Request(
        modality="deconvolution",
        method=None if model else options.method,
        settings={} if model else options.settings,
        geometry={key: value for key, value in geometry.items() if value is not None},
        model=model,
        seconds=None if model else options.seconds,
        steps=options.steps,
        device=options.device,
        seed=options.seed,
    )


def sample_scan(
    path: Path,
    request: Request,
    *,
    draws: int,
    likeliest: bool = False,
    output: Path | None = None,
    save_model: Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    watch: Watch = silent,
    cancel: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Write draws of what lies behind a blurred file, their mean, their spread, maybe their mode, and a report.

    Raises
    ------
    InputError
        In one sentence; nothing is written then.
    KeyboardInterrupt
        Where it was cancelled; a checkpoint is kept, and `resume` goes on from it.
    """
    start, paths = time.monotonic(), expand([path])
    if len(paths) > 1:
        raise InputError(f"{path} holds {len(paths)} images, and draws are made of one at a time; name one.")
    path, model = paths[0], _checked(request)
    opened = scan(path, request.modality, request.geometry)
    image = opened.image(opened.measurement.operator.backproject(opened.measurement.y))
    require(None, image, draws)
    kinds = ("mean", "draws", "spread", *(("map",) if likeliest else ()))
    places = places_of(path, output, kinds, save_model, overwrite=overwrite)
    watch(Event("read", " ".join(opened.notes)))
    to = places["mean"].parent
    job = job_of(to, request.options, start, resume=resume, watch=watch, cancel=cancel)
    try:
        ready = prepare({path: opened}, request, model, job)[0][path]
        assert ready.taught is not None
        if save_model is not None:
            ready.taught.model.save(save_model, overwrite=overwrite)
        with TemporaryFile(dir=to if to.is_dir() else to.parent) as file:
            drawing = Draws(draws, request.seed, likeliest, file, watch, cancel)
            found = finish(ready, path, request, watch, ask=drawing)
            facts = _written(drawing, opened, found, image, places, overwrite=overwrite)
    except KeyboardInterrupt:
        stopped(job)
        raise
    forget(job)
    seconds = round(time.monotonic() - start, 3)
    return {"input": str(path)} | facts | dict(found.summary) | {"draws": draws, "generated": True, "seconds": seconds}


def _checked(request: Request) -> ScanModel | None:
    """Refuse a method without a posterior; return the model."""
    model = None if request.model is None else request.check()
    method = str(request.method if model is None else model.facts.method)
    able = [name for name in names("reconstruct") if "draws" in card(name, "reconstruct").gives]
    if method not in able:
        raise InputError(f"{method} has no posterior to draw from behind a PSF; these methods have: {', '.join(able)}.")
    return request.check() if model is None else model


def _written(
    drawing: Draws,
    opened: Scan,
    found: Reconstruction,
    image: Image,
    places: Mapping[str, Path],
    *,
    overwrite: bool,
) -> dict[str, Any]:
    """Write the images, each with what repeats it, draw by draw, and the report on the mean."""
    report, made = report_path(places["mean"]), found.restoration.provenance
    provenance = dict(made) | {"command": shlex.join(["pellucid", *sys.argv[1:]])}
    places["mean"].parent.mkdir(exist_ok=True)
    write(places["mean"], found.restoration, overwrite=overwrite, provenance=provenance)
    for name, (like, shape) in images_like(image, drawing.found, drawing.count, made, drawing.seed).items():
        parts = enumerate(drawing.found[name]) if name == "draws" else [(..., drawing.found[name])]
        with create(places[name], like, shape, np.float32, overwrite=overwrite) as writer:
            for place, part in parts:
                writer[place] = np.asarray(opened.image(part).data)
    account = replace(found.account, title=places["mean"].name, provenance=provenance)
    replace(found, account=account).report.save(report)
    files = {name: str(place) for name, place in places.items()}
    return {"output": str(places["mean"].parent), "files": files, "report": str(report)}
