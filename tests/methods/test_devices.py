"""Every method trains and restores on the device of its data, and no step waits for it."""

from dataclasses import replace

import pytest
import torch

from pellucid import methods
from pellucid.data.patches import Patches

from ..pretended import fitted, moved

FEW = {"patch": 16, "draws": 2, "features": 4}


@pytest.mark.parametrize("name", [name for name in methods.names() if "rate" in methods.settings(name)])
def test_a_method_to_denoise_stays_where_its_data_are(name, scene, built, device):
    scene.x = scene.x[:2, :, :32, :32]
    data = moved(scene.of(name).suited(name), device)
    method = built(name, data, **{key: FEW[key] for key in FEW.keys() & methods.settings(name)})
    for stage in method.stages:
        if stage.start is not None:
            stage.start(data)
        source = Patches(data=data, patch=stage.patch, batch=stage.batch, symmetries=stage.symmetries)
        fitted(stage.model, stage.objective, source, {"model": stage.adam})
    if method.finish is not None:
        method.finish(replace(data, weight=torch.ones_like(data.y)))
    with torch.no_grad():
        for restorer in filter(None, (method.restorer, method.prior)):
            image, spread = restorer.estimate(data)
            assert {image.device, (image if spread is None else spread).device} == {device}
