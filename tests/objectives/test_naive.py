"""The control that must fail: a network that is asked to explain the pixels that it sees (survey eq. 11)."""

import pytest
import torch

from pellucid.data.fill import Zero
from pellucid.data.measurement import Measurement
from pellucid.data.patches import Patches
from pellucid.data.source import Fixed, Step
from pellucid.data.splits import Grid, Split
from pellucid.networks import UNet, initialise
from pellucid.objectives import HeldOut
from pellucid.operators import Identity
from pellucid.restorers import Enhancer, SplitAverage
from pellucid.training import Adam, Plan, fit

SIGMA = 0.5


class Everything(Split):
    """Gives all and holds all."""

    def __call__(self, batch, rng):
        return batch, batch


@pytest.fixture
def scene(phantom_2d, rng):
    """Return a truth of unit variance, and a recording of it."""
    x = (phantom_2d - phantom_2d.mean()) / phantom_2d.std()
    return x, Measurement(y=x + SIGMA * torch.randn(x.shape, generator=rng), operator=Identity())


def trained(split, given):
    """Return the U-Net after the one loop, and its risk on what it was trained on."""
    model = Enhancer(initialise(UNet((1, 1), features=8, top_skip=True), torch.Generator().manual_seed(0)))
    plan = Plan(steps=200, optimisers={"model": Adam(rate=4e-3, warm_up=10)})
    fit(model, HeldOut(split), Patches(data=given, patch=(32, 32), batch=4), plan)
    with torch.no_grad():
        step = Step(0, 1.0, torch.Generator().manual_seed(0))
        return model, float(HeldOut(split).terms(model, Fixed(given).draw(step), step)["held_out"])


def test_naive_self_supervision_learns_the_identity_and_a_blind_spot_does_not(scene):
    """min E‖F(y) − y‖² is solved by F(y) = y: the risk falls below the noise variance, the noise stays."""
    x, given = scene
    noisy = float((given.y - x).square().mean())
    naive, risk = trained(Everything(), given)
    grid = Grid(4, Zero())
    blind, blind_risk = trained(grid, given)
    with torch.no_grad():
        copied, restored = naive(given), SplitAverage(blind, grid)(given)
    assert risk < 0.2 * SIGMA**2 < SIGMA**2 < blind_risk
    assert float((copied - x).square().mean()) == pytest.approx(noisy, rel=0.1)
    assert float((restored - x).square().mean()) < 0.3 * noisy
