import torch

from pellucid.data.measurement import Measurement
from pellucid.operators import Identity
from pellucid.restorers.base import Moments, Restorer, mean_and_spread


class Half(Restorer):
    def forward(self, given, rng=None):
        return given.y / 2


class Stated(Moments):
    def __init__(self, *moments):
        super().__init__()
        self.moments = moments

    def explain(self, given, rng=None):
        return torch.stack([m * given.y for m in self.moments], 1)


def measured(y):
    return Measurement(y=y, operator=Identity())


def test_restorer_explains_its_image_and_knows_no_spread(rng):
    y = torch.rand(2, 3, 4, 4, generator=rng)
    assert torch.equal(Half().explain(measured(y)), (y / 2).unsqueeze(1))
    image, spread = Half().estimate(measured(y))
    assert torch.equal(image, y / 2)
    assert spread is None


def test_moments_are_mean_and_variance(rng):
    y = torch.rand(2, 3, 4, 4, generator=rng)
    image, spread = Stated(2, 9).estimate(measured(y))
    assert torch.equal(image, 2 * y)
    torch.testing.assert_close(spread, 3 * y.sqrt())
    assert torch.equal(Stated(2, 9)(measured(y)), image)
    assert Stated(2).estimate(measured(y))[1] is None


def test_restorers_move_with_the_data_by_any_step_unless_they_say_otherwise():
    assert Half().stride(3) == (1, 1, 1)


def test_mean_and_spread_are_those_of_the_draws_far_from_zero(rng):
    """Sums of squares in float32 would lose all of a spread that is a thousandth of the mean."""
    draws = 1000 + torch.randn(500, 2, 3, generator=rng)
    mean, spread = mean_and_spread(iter(draws))
    torch.testing.assert_close(mean.double(), draws.double().mean(0), rtol=1e-6, atol=0)
    torch.testing.assert_close(spread.double(), draws.double().std(0), rtol=1e-4, atol=0)
