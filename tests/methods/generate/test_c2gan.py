import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.data.unpaired import Cuts
from pellucid.methods.generate.c2gan import c2gan
from pellucid.methods.generate.cyclegan import cyclegan
from pellucid.objectives.translation import Salient
from pellucid.operators import Identity
from pellucid.training import Plan, fit

SALIENT = (Salient(0.0, bright=False), Salient(0.0, bright=True))


def cells(count, rng):
    """Return content, one in half of the squares."""
    squares = (torch.rand(count, 1, 4, 4, generator=rng) < 0.5).float()
    return squares.repeat_interleave(4, 2).repeat_interleave(4, 3)


@pytest.fixture
def case(rng):
    """Return images with bright content beside images of others with dark content, and content that is known."""
    bright = 1.2 * cells(64, rng) - 0.6 + 0.1 * torch.randn(64, 1, 16, 16, generator=rng)
    content = cells(32, rng)
    known = Measurement(y=1.2 * content - 0.6, operator=Identity())
    draws = Cuts([Measurement(y=bright, operator=Identity())], [0.6 - 1.2 * cells(64, rng)], (16, 16), batch=4)
    return draws, known, content


def made(seed=0):
    return c2gan((1, 16, 16), torch.Generator().manual_seed(seed), salient=SALIENT, features=4, depth=1, rate=4e-3)


@pytest.mark.parametrize("seed", [0, 1])
def test_content_stays_content(seed, case):
    """Half of the area is content: either polarity looks right, and the plain cycleGAN may take the wrong one."""
    draws, known, content = case
    method = made(seed)
    fit(method.model, method.objective, draws, Plan(steps=120, seed=seed, optimisers=method.optimisers))
    with torch.no_grad():
        image = method.model(known)
    assert float(((image < 0) == (content > 0.5)).float().mean()) > 0.95


@pytest.mark.parametrize("divergence", ["least_squares", "wasserstein"])
def test_it_is_cyclegan_with_the_content_and_the_divergence_that_are_asked_for(divergence, case):
    salient, losses = (Salient(0.1, bright=True), Salient(-0.2, bright=False)), []
    for method in (c2gan, cyclegan):
        rng = torch.Generator().manual_seed(0)
        built = method((1, 16, 16), rng, salient=salient, divergence=divergence, features=4, depth=1)
        losses.append(built.objective.terms(built.model, case[0].draw(Step(0, 0.0, rng)), Step(0, 0.0, rng)))
    torch.testing.assert_close(*losses)


def test_the_same_seed_gives_the_same_maps(case):
    found = []
    for _ in range(2):
        method = made()
        fit(method.model, method.objective, case[0], Plan(steps=3, optimisers=method.optimisers))
        with torch.no_grad():
            found.append(method.model(case[1]))
    assert torch.equal(*found)
