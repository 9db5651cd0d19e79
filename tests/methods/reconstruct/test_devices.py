"""Every learned reconstruction trains and restores on the device of its data, and no step waits for it."""

import math
from dataclasses import replace

import pytest
import torch

from pellucid import methods
from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.scans import Scans, chosen
from pellucid.data.simulate.foam import foam
from pellucid.methods.reconstruct import learned
from pellucid.noise import Gaussian
from pellucid.operators import Blur, Radon
from pellucid.workflows.scan_learning import Moved

from ...pretended import fitted, moved

LEARNED = [name for name in methods.names("reconstruct") if methods.card(name, "reconstruct").trained]


@pytest.fixture
def given(slices, rng):
    """Return a function that gives what a method learns from, and further data."""

    def of(name):
        scan = replace(slices.recording, noise=Gaussian(0.05))
        if name in ("divnoising", "ot_cyclegan"):
            x = torch.rand(2, 1, 32, 32, generator=rng)
            blurred = Blur(torch.full((1, 1, 5, 5), 1 / 25), "reflect")
            scan = Measurement(y=blurred(x), operator=blurred, noise=Gaussian(0.05))
            return scan, {"features": 4} | ({"clean": (x,)} if name == "ot_cyclegan" else {"draws": 2})
        if name == "supervised_unrolled":
            return Repeated.of((scan, slices.full)), {}
        if name == "kspace_ot_cyclegan":
            return scan, {"clean": (slices.truth,)}
        if name == "noise2inverse":
            angles = math.pi * torch.arange(32) / 32
            y = foam(20, rng, largest=0.3).sinogram(angles, size=32).float()
            scan = Measurement(y=y, operator=Radon(angles[None].double(), space=(32, 32)))
            return scan, {"features": 4, "depth": 1, "patch": 16}
        return scan, {"start": "backprojection", "masks": 2} if name == "zs_ssl" else {}

    return of


@pytest.mark.parametrize("name", LEARNED)
def test_a_learned_reconstruction_stays_where_its_data_are(name, given, built, device, monkeypatch):
    monkeypatch.setitem(learned._SIZES, "lite", learned._Size(1, 1, 4, 2, 1e-3))
    host, more = given(name)
    data = moved(host, device)
    method = built(name, data, **moved(more, device))
    for stage in method.stages:
        if stage.start is not None:
            stage.start(data)
        source = Moved(Scans([host], stage.batch), device) if stage.source is None else stage.source([data])
        optimisers = {"model": stage.adam} | ({} if stage.critic is None else {"critic": stage.critic})
        fitted(stage.model, stage.objective, source, optimisers)
    if method.finish is not None:
        method.finish(data)
    with torch.no_grad():
        assert method.restorer(chosen(data, torch.arange(1), (0,))).device == device
