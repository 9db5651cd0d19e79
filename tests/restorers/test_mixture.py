import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.noise import Gaussian
from pellucid.operators import Identity
from pellucid.restorers.base import Moments
from pellucid.restorers.mixture import Mixture


class Fixed(Moments):
    """Adds a given error to a share of the noise; its variance is given too."""

    def __init__(self, x, error, slope, variance=0.25):
        super().__init__()
        self.x, self.error, self.slope, self.variance = x, error, slope, variance

    def explain(self, given, rng=None):
        mean = self.x + self.error + self.slope * (given.y - self.x)
        return torch.stack([mean, torch.full_like(mean, self.variance)], 1)


@pytest.fixture
def data(rng):
    x = torch.randn(1, 1, 160, 160, generator=rng)
    weight = torch.rand(x.shape, generator=rng) < 0.5
    noise = Gaussian(1.0)
    return x, Measurement(y=noise.sample(x, rng), operator=Identity(), noise=noise, weight=weight)


def test_the_weight_is_that_of_least_error(data, rng):
    """Independent errors of variance a and b weigh as b : a; the mixture then has the error a b / (a + b)."""
    x, given = data
    errors = [0.6 * torch.randn(x.shape, generator=rng), 0.3 * torch.randn(x.shape, generator=rng)]
    mixture = Mixture(Fixed(x, errors[0], 0.0), Fixed(x, errors[1], 0.0))
    mixture.weigh(given)
    assert float(mixture.weight) == pytest.approx(0.09 / 0.45, abs=0.04)
    assert float((mixture(given) - x).square().mean()) == pytest.approx(0.36 * 0.09 / 0.45, rel=0.05)


def test_noise_that_a_part_lets_through_counts_as_error(data):
    """Without the slope the part that copies the recording would look perfect."""
    x, given = data
    mixture = Mixture(Fixed(x, 0.0, 1.0), Fixed(x, 0.5, 0.0))
    mixture.weigh(given)
    assert float(mixture.weight) == pytest.approx(0.25 / 1.25, abs=0.04)


def test_a_useless_part_gets_no_weight_and_the_spread_is_that_of_the_parts(data):
    x, given = data
    mixture = Mixture(Fixed(x, 0.0, 0.1, 0.25), Fixed(x, -5.0, 0.1, 4.0))
    _, spread = mixture.estimate(given)
    assert spread.unique().item() == pytest.approx((0.5 + 2.0) / 2)
    mixture.weigh(given)
    assert float(mixture.weight) == pytest.approx(1.0, abs=0.01)
    assert mixture.estimate(given)[1].unique().item() == pytest.approx(0.5, abs=0.02)


def test_it_is_weighed_on_named_pixels_of_known_noise(data):
    x, given = data
    mixture = Mixture(Fixed(x, 0.0, 1.0), Fixed(x, 0.5, 0.0))
    with pytest.raises(InputError, match="never a target"):
        mixture.weigh(Measurement(y=given.y, operator=Identity(), noise=given.noise))
    with pytest.raises(InputError, match="the noise is known"):
        mixture.weigh(Measurement(y=given.y, operator=Identity(), weight=given.weight))


def test_few_pixels_may_be_answered_by_less_work(data):
    """Asked at some places, F gives way to what answers there as it does; weight and risk are the same."""
    x, given = data
    asked = []

    def sparse(places):
        asked.extend(places)
        return Fixed(x, 0.5, 0.0)

    whole, quick = (Mixture(Fixed(x, 0.5, 0.0), Fixed(x, 0.0, 0.5), *more) for more in ((), (sparse,)))
    quick.first.error = torch.nan
    whole.weigh(given)
    quick.weigh(given)
    assert quick.weight == whole.weight != 0.5
    assert torch.equal(asked[0][0, 0], given.weight.flatten().nonzero()[:, 0])
    assert torch.equal(quick.at(asked)(given), whole.at(asked)(given))
    assert quick.at(asked).whole
    assert whole.at(asked) is whole
