"""Multi-CryoGAN: what it is where nothing changes, and that it finds what does."""

from dataclasses import replace

import torch

from pellucid.data.measurement import Measurement
from pellucid.data.patches import Patches
from pellucid.data.simulate.proteins import Protein
from pellucid.data.source import Step
from pellucid.methods.generate.cryogan import cryogan
from pellucid.methods.generate.multi_cryogan import multi_cryogan
from pellucid.noise import Gaussian
from pellucid.operators import Identity
from pellucid.operators.cryo import PosePrior
from pellucid.training import Plan, fit

SIZE = 10
STATES = ((0.9, 1.0), (2.2, 2.0))  # width and mass of the balls


def test_a_constant_generator_is_cryogan(rng):
    """Loss and gradient are the same: the bias of the last map is the volume."""
    silence = torch.zeros(1, 1, SIZE, SIZE)
    many = multi_cryogan(SIZE, PosePrior(SIZE), rng=rng, background=silence)
    many.objective.made = replace(many.objective.made, sides=1)
    one = cryogan(SIZE, PosePrior(SIZE), rng=rng, background=silence)
    one.objective.critic = many.objective.critic
    voxels = torch.rand(SIZE**3, generator=rng)
    last = many.model.network.volumes
    with torch.no_grad():
        last.bias.copy_(voxels)
        last.weight.zero_()
        one.model.voxels.copy_(voxels.view(1, 1, SIZE, SIZE, SIZE))
    batch = Measurement(y=torch.randn(4, 1, SIZE, SIZE, generator=rng), operator=Identity())
    for made in (one, many):
        step = Step(0, 0.0, torch.Generator().manual_seed(1))
        made.objective.terms(made.model, batch, step)["generator"].backward()
    torch.testing.assert_close(last.bias.grad, one.model.voxels.grad.flatten())
    assert bool(last.weight.grad.any())


def particles(rng, count=512):
    """Return images of balls, a small one or a large one, which look the same from all sides."""
    balls = [Protein(torch.zeros(1, 3), torch.tensor([width]), torch.tensor([mass])) for width, mass in STATES]
    clean = torch.cat([ball.projections(SIZE, torch.eye(3)[None, None])[:, :, 0] for ball in balls])
    chosen = torch.randint(2, (count,), generator=rng)
    noise = Gaussian(1.0)
    return Measurement(y=noise.sample(clean[chosen] / clean.std() * 2, rng), operator=Identity(), noise=noise)


def learned(steps):
    """Return volumes for codes from one end to the other."""
    rng = torch.Generator().manual_seed(0)
    source = Patches(data=particles(rng), patch=(SIZE, SIZE), batch=16, symmetries="none")
    made = multi_cryogan(SIZE, PosePrior(SIZE), rng=rng)
    fit(made.model, made.objective, source, Plan(steps=steps, optimisers=made.optimisers))
    with torch.no_grad():
        return made.model.network(torch.linspace(-2, 2, 9)[:, None])


def width(volume):
    """Return the standard deviation of a density about its centre along an axis."""
    ramp = torch.arange(SIZE) - SIZE // 2
    square = ramp[:, None, None] ** 2 + ramp[:, None] ** 2 + ramp**2
    return float(((square * volume[0]).sum() / volume.sum() / 3).sqrt())


def test_it_finds_both_states():
    """The truth has widths of 0.90 and 2.03 voxels within the box."""
    widths = [width(volume) for volume in learned(300)]
    assert min(widths) < 1.2
    assert max(widths) > 1.7


def test_the_first_densities_differ_with_the_code(rng):
    """What lies in one place is not parted: codes of either sign begin apart."""
    made = multi_cryogan(SIZE, PosePrior(SIZE), rng=rng)
    with torch.no_grad():
        ends = made.model.network(torch.tensor([[-1.0], [1.0]])).flatten(1)
    assert float(torch.corrcoef(ends)[0, 1]) < 0.9


def test_a_seed_fixes_the_volumes():
    torch.testing.assert_close(learned(2), learned(2), rtol=0, atol=0)
