import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.operators import Identity
from pellucid.solvers.total_variation import TotalVariation


@pytest.mark.parametrize("unit", [1e-8, 1.0, 1e6])
def test_it_minimises_its_functional(unit, blurred, built, rng):
    """λ = strength · max |H* y|, in the units of the data."""
    data = blurred(unit)
    strength = 0.01 * data.operator.adjoint(data.y).abs().max()
    x = built("tv", data, strength=0.01, iterations=2000, tolerance=1e-9).restorer(data)

    def functional(x):
        return 0.5 * (data.operator(x) - data.y).square().sum() + strength * TotalVariation().value(x).sum()

    for size in (1e-1, 1e-2, 1e-3):
        other = x + size * unit * torch.randn(x.shape, dtype=x.dtype, generator=rng)
        assert functional(other) > functional(x)
        smoother = x + size * (torch.nn.functional.avg_pool2d(x, 3, 1, 1) - x)
        assert functional(smoother) > functional(x)


def test_of_the_identity_it_is_the_proximal_map(truth, built, rng):
    y = truth + 0.1 * torch.randn(truth.shape, dtype=truth.dtype, generator=rng)
    data = Measurement(y=y, operator=Identity())
    x = built("tv", data, strength=0.05, iterations=500, tolerance=1e-8).restorer(data)
    expected = TotalVariation(iterations=2000).prox(y, 0.05 * y.abs().max())
    assert torch.allclose(x, expected, atol=1e-3)


def test_it_knows_what_is_positive(blurred, built):
    data = blurred()
    data = data.with_y(data.y - 0.15)
    assert float(built("tv", data, strength=1e-3).restorer(data).min()) < 0
    assert float(built("tv", data, strength=1e-3, positive=True).restorer(data).min()) == 0
