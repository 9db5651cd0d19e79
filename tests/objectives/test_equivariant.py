import math

import pytest
import torch
from torch import nn

from pellucid.data.measurement import Measurement
from pellucid.data.source import Fixed, Step
from pellucid.data.splits import Split
from pellucid.noise import Gaussian
from pellucid.objectives.energy import energy
from pellucid.objectives.equivariant import Equivariant
from pellucid.operators import Identity, Sampling
from pellucid.restorers import Restorer
from pellucid.training import Adam, Plan, fit


class Everything(Split):
    def __call__(self, batch, rng):
        return batch, batch


class Linear(Restorer):
    """x = A y, for signals of eight entries; it begins with the adjoint, which leaves zeros where none measured."""

    def __init__(self, rng):
        super().__init__()
        self.matrix = nn.Parameter(torch.eye(8) + 0.02 * torch.randn(8, 8, generator=rng))

    def forward(self, given, rng=None):
        return given.y @ self.matrix


def signals(rng, count=64):
    """Return waves of one frequency with any phase, and a mean: all that they may be, shifted in a circle too."""
    phase = 2 * math.pi * torch.rand(count, 1, generator=rng)
    wave = torch.cos(2 * math.pi * torch.arange(8) / 8 + phase)
    return (wave * (0.5 + torch.rand(count, 1, generator=rng)) + torch.randn(count, 1, generator=rng))[:, None]


@pytest.mark.parametrize(("weight", "learns"), [(1.0, True), (1e-9, False)])
def test_entries_that_nobody_measured_are_learned_from_the_symmetry_alone(weight, learns, rng):
    """Chen, Tachella, Davies 2021: consistency is met by any entry there, and equivariance by the right one only."""
    keep = torch.ones(1, 1, 8)
    keep[..., 2:4] = 0
    x = signals(rng)
    batch = Measurement(y=keep * x, operator=Sampling(keep))
    model = Linear(rng)
    plan = Plan(steps=700, optimisers={"model": Adam(rate=0.02)})
    fit(model, Equivariant(Everything(), energy, "shifts", weight), Fixed(batch), plan)
    fresh = signals(rng)
    with torch.no_grad():
        off = model(Measurement(y=keep * fresh, operator=Sampling(keep))) - fresh
    measured, never = (float(part.square().mean().sqrt()) for part in (off[..., keep[0, 0] > 0], off[..., 2:4]))
    assert measured < 0.05
    assert (never < 0.1) == learns
    assert learns or never > 0.5


class Same(Restorer):
    def forward(self, given, rng=None):
        return given.y


@pytest.mark.parametrize("symmetry", ["turns", "shifts", "rotations"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_what_is_equivariant_costs_nothing(symmetry, dtype, rng):
    y = torch.randn(2, 1, 9, 12, dtype=dtype, generator=rng)
    terms = Equivariant(Everything(), energy, symmetry).terms(
        Same(), Measurement(y=y, operator=Identity()), Step(0, 0.0, rng)
    )
    assert float(sum(terms.values())) == 0


def test_known_noise_comes_again(rng):
    y = torch.ones(1, 1, 64, 64)
    noisy = Measurement(y=y, operator=Identity(), noise=Gaussian(0.3))
    terms = Equivariant(Everything(), energy, "turns").terms(Same(), noisy, Step(0, 0.0, rng))
    assert float(terms["equivariance"]) == pytest.approx(0.09, rel=0.1)


@pytest.mark.parametrize("space", [(33, 33), (20, 32)])
def test_rotations_are_rotations(space, rng):
    """The squared distance of a spot from the middle is kept, in pixels."""
    from pellucid.objectives.equivariant import _rotated

    axes = [torch.arange(n) - (n - 1) / 2 for n in space]
    row, column = torch.meshgrid(*axes, indexing="ij")
    spot = torch.exp(-((row - 3) ** 2 + (column - 4) ** 2) / 4)[None, None]
    for seed in range(3):
        turned = _rotated(spot, torch.Generator().manual_seed(seed))[0, 0]
        place = [(turned * axis).sum() / turned.sum() for axis in (row, column)]
        assert math.hypot(*place) == pytest.approx(5, rel=0.02)
        assert turned.sum() == pytest.approx(float(spot.sum()), rel=0.02)
