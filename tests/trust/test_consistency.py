import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.noise import Gaussian
from pellucid.operators import Identity
from pellucid.restoration import restore
from pellucid.restorers import Regularised
from pellucid.trust.consistency import consistency


def found(factor, *, noise=None, weight=None, rng=None):
    y = 10 + torch.randn(1, 1, 64, 64, generator=rng)
    if weight is not None:
        y = torch.where(weight > 0, y, torch.full_like(y, 1e6))
    measurement = Measurement(y=y, operator=Identity(), noise=noise, weight=weight)
    return consistency(
        measurement, restore(measurement, Regularised(lambda given, s: s * given.y + (1 - s) * 10, factor))
    )


def test_the_residual_is_relative_to_the_data(rng):
    assert found(0.0, rng=rng).residual == pytest.approx(1 / 101**0.5, rel=0.03)
    assert found(1.0, rng=rng).residual == 0


@pytest.mark.parametrize(("factor", "sigma", "level"), [(0.0, 1.0, "green"), (0.0, 0.5, "amber"), (0.9, 1.0, "amber")])
def test_the_residual_is_compared_with_the_noise(factor, sigma, level, rng):
    told = found(factor, noise=Gaussian(sigma), rng=rng)
    assert told.chi_square == pytest.approx((1 - factor) ** 2 / sigma**2, rel=0.1)
    assert told.level == level
    assert ("geometry is wrong" in told.sentence) is (sigma < 1)
    assert ("noise is in the image" in told.sentence) is (factor > 0)


def test_nothing_is_judged_where_the_noise_is_not_known(rng):
    told = found(0.0, rng=rng)
    assert (told.level, told.chi_square) == (None, None)
    assert "not known" in told.sentence


def test_entries_of_weight_zero_do_not_count(rng):
    weight = torch.ones(1, 1, 64, 64)
    weight[..., :8] = 0
    told = found(0.0, noise=Gaussian(1.0), weight=weight, rng=rng)
    assert told.chi_square == pytest.approx(1, rel=0.1)
    assert told.residual == pytest.approx(1 / 101**0.5, rel=0.03)


def test_a_back_projection_is_not_judged_by_a_residual_that_it_never_saw(rng):
    y = torch.randn(1, 1, 8, 8, generator=rng)
    data = Measurement(y=y, operator=Identity(), noise=Gaussian(1e-3))
    told = consistency(data, restore(data, Regularised(lambda given, s: s * given.y, 0.5)), fitted=False)
    assert told.level is None
    assert "does not fit the data" in told.sentence
