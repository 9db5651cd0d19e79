from dataclasses import replace

import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.operators import Identity, LinearOperator, Sampling
from pellucid.restorers import LeastSquares, Units
from pellucid.solvers import conjugate_gradient, lipschitz


@pytest.fixture
def weighed(rng) -> Measurement:
    keep = torch.rand(2, 1, 6, 5, generator=rng, dtype=torch.float64)
    y = 1e5 * torch.randn(2, 1, 6, 5, generator=rng, dtype=torch.float64)
    weight = torch.rand(2, 1, 6, 5, generator=rng, dtype=torch.float64)
    return Measurement(y=y, operator=Sampling(3e-4 * keep), weight=weight)


def test_the_hessian_has_norm_one_and_the_right_hand_side_is_of_order_one(weighed):
    problem = LeastSquares(weighed, Units.of(weighed))
    assert float(lipschitz(problem.normal, weighed.y, iterations=300).max()) == pytest.approx(1, abs=0.05)
    assert float(problem.back().abs().max()) == pytest.approx(1)


def test_the_minimiser_is_that_of_the_measurement(weighed):
    units = Units.of(weighed)
    problem = LeastSquares(weighed, units)
    x = units.image * conjugate_gradient(problem.normal, problem.back(), iterations=500, tolerance=1e-12)
    assert torch.allclose(weighed.operator(x), weighed.y, rtol=1e-6)


def test_another_operator_keeps_the_unit_and_brings_its_norm(weighed):
    units = Units.of(weighed)
    other = replace(weighed, operator=Sampling(7 * weighed.operator.keep))
    assert units.on(weighed) is units
    assert torch.equal(units.on(other).image, units.image)
    assert float(units.on(other).smoothness / units.smoothness) == pytest.approx(49, rel=1e-3)
    assert units.on(other) is units.on(replace(other, y=2 * other.y))
    lighter = replace(weighed, weight=0.5 * weighed.weight)
    assert float(units.on(lighter).smoothness / units.smoothness) == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_nothing_to_reconstruct_is_refused(value):
    with pytest.raises(InputError, match="There is no image to reconstruct"):
        Units.of(Measurement(y=torch.full((1, 1, 4, 4), value), operator=Identity()))


def test_the_first_image_explains_the_data_as_well_as_its_shape_can(weighed):
    units = Units.of(weighed)
    first = units.image * LeastSquares(weighed, units).first()

    def misfit(scale):
        return (weighed.weight * (scale * weighed.operator(first) - weighed.y).square()).sum((1, 2, 3))

    assert bool((misfit(1.0) <= torch.minimum(misfit(0.99), misfit(1.01))).all())
    flat = Measurement(y=weighed.y.flatten(2), operator=Flat())
    assert LeastSquares(flat, Units.of(flat)).first().shape == weighed.y.shape


class Flat(LinearOperator):
    """Measures a plane as a list."""

    in_shape, out_shape = (1, 6, 5), (1, 30)

    def forward(self, x):
        return x.flatten(2)

    def adjoint(self, y):
        return y.unflatten(2, (6, 5))
