"""Every generative method trains and draws on the device of its data, and no step waits for it."""

from typing import get_args

import pytest
import torch

from pellucid import methods
from pellucid.data.measurement import Measurement, Paired
from pellucid.data.patches import Patches
from pellucid.data.scans import Scans
from pellucid.data.source import Fixed
from pellucid.data.unpaired import Cuts
from pellucid.noise import Gaussian
from pellucid.objectives.translation import Salient
from pellucid.operators import Identity
from pellucid.operators.cryo import PosePrior
from pellucid.operators.random import DroppedPixels
from pellucid.restorers import Restorer
from pellucid.restorers.diffusion import Denoiser, Diffusion, Guidance
from pellucid.restorers.generator import Generator
from pellucid.restorers.spatial import Spatial

from ...pretended import fitted, moved

SIZE = 16
SHAPE = (1, SIZE, SIZE)
SALIENT = (Salient(0.0, bright=False), Salient(0.0, bright=True))


@pytest.fixture
def images(device, rng):
    """Return noisy images on the device."""
    y = torch.randn(8, *SHAPE, generator=rng)
    return moved(Measurement(y=y, operator=Identity(), noise=Gaussian(1.0)), device)


def made(name, images, **given):
    """Return a method as the workflows make it, its parts on the device, and what draws its batches."""
    device, first = images.y.device, torch.Generator().manual_seed(0)
    source = Patches(data=images, patch=SHAPE[1:], batch=4)
    if name in ("cryogan", "multi_cryogan"):
        method = methods.function(name, "generate")(SIZE, rng=torch.Generator(device), **given)
    elif name in ("spatial_vae", "score_model", "vae"):
        method = methods.function(name, "generate")(images, rng=first, **given)
        source = Scans([images], 4) if name == "spatial_vae" else source
    else:
        method = methods.function(name, "generate")(SHAPE, first, **given)
    if name in ("cyclegan", "c2gan"):
        source = Cuts([images], [images.y.flip(0)], SHAPE[1:], 4)
    if name == "pix2pix":
        source = Fixed(Paired(y=images.y, truth=images.y.flip(2), operator=Identity()))
    return method, source


CASES = [
    ("ambient_gan", {"instrument": DroppedPixels(SHAPE[1:], 0.5), "noise": Gaussian(0.1)}),
    ("c2gan", {"salient": SALIENT, "features": 4, "depth": 1}),
    ("cryogan", {"prior": PosePrior(SIZE, shift=0.5)}),
    ("cyclegan", {"features": 4, "depth": 1, "divergence": "wasserstein"}),
    ("f_gan", {"divergence": "kl"}),
    ("gan", {"loss": "hinge", "spectral": True}),
    ("multi_cryogan", {"prior": PosePrior(SIZE, shift=0.5)}),
    ("pix2pix", {"features": 4, "depth": 1}),
    ("score_model", {"features": 4}),
    ("spatial_vae", {"features": 8, "turns": 4}),
    ("vae", {"features": 4, "draws": 2}),
    ("w_gan", {}),
]


@pytest.mark.parametrize(("name", "given"), CASES)
def test_a_generative_method_stays_where_its_data_are(name, given, images, device):
    method, source = made(name, images, **given)
    method.model.to(device)
    method.objective.to(device)
    fitted(method.model, method.objective, source, method.optimisers)
    with torch.no_grad():
        assert {x.device for x in drawn(method.model, images)} == {device}


def drawn(model, images):
    """Return what a model makes, of data and of nothing."""
    if isinstance(model, Denoiser):
        for guidance in get_args(Guidance):
            yield Diffusion(model, model.levels(3), guidance=guidance, draws=2)(images)
    if isinstance(model, Generator):
        yield model.sample(2, torch.Generator(images.y.device))
    if isinstance(model, Restorer):
        yield model(images)
    if isinstance(model, Spatial):
        yield model.poses(images).angle
        yield model.traverse(2)


def test_every_generative_method_is_held_to_it():
    assert {name for name, _ in CASES} == {*methods.names("generate")}
