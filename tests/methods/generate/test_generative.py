from typing import get_args

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pellucid.data.crops import Crops, PairedCrops, UnpairedCrops
from pellucid.data.measurement import Measurement
from pellucid.data.patches import Patches
from pellucid.data.source import Step
from pellucid.methods.generate.ambient_gan import ambient_gan
from pellucid.methods.generate.c2gan import c2gan
from pellucid.methods.generate.cryogan import cryogan
from pellucid.methods.generate.cyclegan import cyclegan
from pellucid.methods.generate.f_gan import FDivergence, f_gan
from pellucid.methods.generate.gan import Loss, gan
from pellucid.methods.generate.generative import Generative, latent
from pellucid.methods.generate.multi_cryogan import multi_cryogan
from pellucid.methods.generate.pix2pix import pix2pix
from pellucid.methods.generate.score_model import score_model
from pellucid.methods.generate.spatial_vae import spatial_vae
from pellucid.methods.generate.vae import vae
from pellucid.methods.generate.w_gan import w_gan
from pellucid.networks import PatchCritic, UNet, initialise
from pellucid.networks.spectral import unit_norms
from pellucid.noise import Gaussian
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.objectives.translation import Salient
from pellucid.objectives.transport import OptimalTransport
from pellucid.operators import Identity
from pellucid.operators.cryo import PosePrior
from pellucid.operators.random import DroppedPixels
from pellucid.restorers import Enhancer
from pellucid.restorers.transport import LearnedBlur, Transport
from pellucid.training import Adam, Plan, fit

SHAPE = (1, 16, 16)
SALIENT = (Salient(0.0, bright=True), Salient(0.0, bright=False))


@pytest.mark.parametrize("measured", [(3, 12, 20), (2, 30)])
def test_the_critic_judges_measurements_and_the_model_makes_images(measured, rng):
    made = latent((1, 9, 8), rng, DIVERGENCES["gan"], measured=measured)
    assert made.model.sample(2, rng).shape == (2, 1, 9, 8)
    assert made.objective.critic(torch.zeros(2, *measured)).shape == (2, 1)


@pytest.mark.parametrize("method", [gan, f_gan])
def test_the_layers_of_a_spectral_critic_have_norm_one(method, rng):
    shape = (1, 8, 8)
    y = torch.randn(4, *shape, generator=rng)
    made = [method(shape, torch.Generator().manual_seed(0), spectral=given) for given in (False, True)]
    plain, spectral = (one.objective.critic.eval() for one in made)
    assert not torch.allclose(spectral(y), plain(y))
    torch.testing.assert_close(spectral(y), unit_norms(plain)(y))


@pytest.mark.parametrize(
    ("method", "option", "name"),
    [(gan, "loss", name) for name in get_args(Loss)] + [(f_gan, "divergence", name) for name in get_args(FDivergence)],
)
def test_the_critic_seeks_what_is_asked_for(method, option, name, rng):
    made = method(SHAPE, rng, **{option: name})
    batch = Measurement(y=1 + 0.3 * torch.randn(16, *SHAPE, generator=rng), operator=Identity())
    critic, draws = made.objective.critic, made.model.sample(16, torch.Generator().manual_seed(1))
    found = made.objective.critic_terms(made.model, batch, Step(0, 0.0, torch.Generator().manual_seed(1)))
    torch.testing.assert_close(-found["critic"], DIVERGENCES[name].bound(critic(batch.y), critic(draws)))


class Waits(TorchDispatchMode):
    """Counts what makes the host wait for the device."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        waits = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "multinomial", "_linalg_check_errors")
        self.count += function.overloadpacket.__name__ in waits
        return function(*args, **(kwargs or {}))


def blind(rng):
    """Return two maps, one of which is a blur that is learned."""
    maps = Transport(Enhancer(initialise(UNet((1, 1), features=4, depth=1), rng)), LearnedBlur(3))
    critics = [initialise(PatchCritic(1, features=4, halvings=1), rng) for _ in range(2)]
    objective = OptimalTransport(*critics, DIVERGENCES["least_squares"])
    return Generative(model=maps, objective=objective, optimisers={"model": Adam(), "critic": Adam()})


METHODS = {
    "gan": lambda rng, data: gan(SHAPE, rng, spectral=True),
    "w_gan": lambda rng, data: w_gan(SHAPE, rng),
    "ambient_gan": lambda rng, data: ambient_gan(SHAPE, rng, instrument=DroppedPixels((16, 16), 0.5)),
    "cryogan": lambda rng, data: cryogan(16, PosePrior(16, shift=0.3, transfers=torch.ones(2, 16, 9)), rng=rng),
    "multi_cryogan": lambda rng, data: multi_cryogan(16, PosePrior(16), rng=rng),
    "cyclegan": lambda rng, data: cyclegan(SHAPE, rng, identity=1.0, pool=6, features=4),
    "c2gan": lambda rng, data: c2gan(SHAPE, rng, salient=SALIENT, features=4),
    "pix2pix": lambda rng, data: pix2pix(SHAPE, rng, content="spectral", features=4),
    "blind": lambda rng, data: blind(rng),
    "score_model": lambda rng, data: score_model(data, rng=rng, features=4),
    "spatial_vae": lambda rng, data: spatial_vae(data, rng=rng, features=4),
    "vae": lambda rng, data: vae(data, rng=rng, features=4),
}


def source(name, data):
    """Return batches such as a method takes."""
    crops = Crops(list(data.y), 16)
    if name == "pix2pix":
        return PairedCrops(crops, crops)
    if name in ("cyclegan", "c2gan", "blind"):
        return UnpairedCrops(crops, crops)
    return Patches(data=data, patch=(16, 16), batch=4, symmetries="none")


@pytest.mark.parametrize("name", METHODS)
def test_steps_never_wait_for_the_device(name, rng):
    """With three steps more the host waits as often: where the history is written."""
    data = Measurement(y=torch.randn(8, *SHAPE, generator=rng), operator=Identity(), noise=Gaussian(1.0))
    made, counts = METHODS[name](rng, data), []
    for steps in (1, 1, 4):  # once more: what is kept has been made
        with Waits() as waits:
            fit(made.model, made.objective, source(name, data), Plan(steps=steps, optimisers=made.optimisers))
        counts.append(waits.count)
    assert counts[1] == counts[2]
