import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.recorruption import Recorruption
from pellucid.errors import InputError
from pellucid.noise import Gaussian
from pellucid.operators import Identity
from pellucid.restorers.base import Moments
from pellucid.restorers.recorrupted import Recorrupted

PRIOR, SIGMA = 2.0, 0.6  # standard deviations of the image, about zero, and of the noise


class Wiener(Moments):
    """The posterior of white images given y₁ alone: exact mean and variance."""

    def explain(self, given, rng=None):
        weight = PRIOR**2 / (PRIOR**2 + given.noise.variance(given.y))
        return torch.stack([weight * given.y, (1 - weight) * PRIOR**2], 1)


def measured(rng, count=2):
    x = PRIOR * torch.randn(count, 1, 48, 48, generator=rng)
    noise = Gaussian(SIGMA)
    return Measurement(y=noise.sample(x, rng), operator=Identity(), noise=noise)


@pytest.mark.parametrize("draws", [1, 3])
@pytest.mark.parametrize("alpha", [0.15, 0.5])
def test_both_parts_hold_all_that_the_data_do(alpha, draws, rng):
    """Where the prior is Gaussian the answer is the posterior given y, whatever was drawn."""
    given = measured(rng)
    image, spread = Recorrupted(Wiener(), Recorruption(alpha), draws).estimate(given)
    weight = PRIOR**2 / (PRIOR**2 + SIGMA**2)
    torch.testing.assert_close(image, weight * given.y, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(spread, torch.full_like(spread, (weight * SIGMA**2) ** 0.5))


def test_an_image_gets_the_same_draws_alone_and_in_a_batch(rng):
    class Half(Moments):
        def explain(self, given, rng=None):
            return torch.stack([given.y / 2, torch.ones_like(given.y)], 1)

    given, restorer = measured(rng), Recorrupted(Half(), Recorruption(), 3)
    both = restorer(given)
    torch.testing.assert_close(both[1:], restorer(given.with_y(given.y[1:])))
    assert torch.equal(both, restorer(given))
    first, second = (restorer(given, torch.Generator().manual_seed(seed)) for seed in (1, 2))
    assert (first - second).abs().mean() > 0.01


def test_noise_of_unknown_strength_is_refused(rng):
    unknown = Measurement(y=torch.zeros(1, 1, 8, 8), operator=Identity())
    with pytest.raises(InputError, match="no noise model"):
        Recorrupted(Wiener(), Recorruption(), 2)(unknown)
