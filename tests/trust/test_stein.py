import pytest
import torch
import torch.nn.functional as F

from pellucid.data.measurement import Measurement
from pellucid.data.prepare import Standardisation
from pellucid.errors import InputError
from pellucid.noise import Poisson, PoissonGaussian
from pellucid.operators import Identity
from pellucid.restorers import Regularised
from pellucid.restorers.base import Moments
from pellucid.trust import stein_risk, stein_risks

NOISE = PoissonGaussian(4.0, 100.0, 6.0)


def truth(images=4):
    ramp = torch.linspace(0, 1, 128)
    waves = 0.5 + 0.5 * torch.sin(12 * ramp[:, None] + 9 * ramp)
    return (120 + 300 * waves).expand(images, 1, 128, 128)


def places_in(y, count, rng):
    return torch.stack([torch.randperm(y[0, 0].numel(), generator=rng)[:count] for _ in y])[:, None]


@pytest.mark.parametrize("stabilise", [False, True])
def test_steins_risk_is_the_true_error_of_a_restorer_that_sees_every_pixel(rng, stabilise):
    x = truth()
    recorded = Measurement(y=NOISE.sample(x, rng), operator=Identity(), noise=NOISE)
    units = Standardisation.of(recorded.y, NOISE, stabilise=stabilise)
    near = Regularised(lambda given, strength: F.avg_pool2d(given.y, 3, 1, 1, count_include_pad=False), 0.0)
    risk = stein_risk(near, recorded, places_in(x, 4000, rng), units, rng=rng)
    image = units.inverse(near(Measurement(y=units(recorded.y), operator=Identity())))
    assert abs(risk.error - (image - x).square().mean().item()) < 4 * risk.se
    naive = (image - recorded.y).square().mean().item() - risk.noise_variance
    assert risk.error - naive > 10 * risk.se  # without the slope the error would look far smaller
    with pytest.raises(InputError, match="how strong the noise is"):
        stein_risk(near, Measurement(y=x, operator=Identity()), places_in(x, 4, rng), units, rng=rng)


def test_few_photons_are_counted_by_steps_of_one(rng):
    """A restorer that rounds has no slope between counts; its error shows all the same."""
    noise = Poisson(20.0)
    x = (0.2 + truth() / 420) * 20.0
    recorded = Measurement(y=noise.sample(x, rng), operator=Identity(), noise=noise)
    units = Standardisation(PoissonGaussian(20.0, 0.0, 1e-3), 0.0, 1.0, stabilise=False)
    steps = Regularised(lambda given, strength: 20.0 * (given.y / 20.0).round().clamp(max=2) * 0.7, 0.0)
    risk = stein_risk(steps, recorded, places_in(x, 8000, rng), units, rng=rng)
    true = (steps(recorded) - x).square().mean().item()
    assert abs(risk.error - true) < 4 * risk.se
    naive = (steps(recorded) - recorded.y).square().mean().item() - risk.noise_variance
    assert true - naive > 10 * risk.se


class Sure(Moments):
    """The recording itself, and a variance that it claims."""

    def explain(self, given, rng=None):
        return torch.stack([given.y, torch.full_like(given.y, 9.0)], 1)


def test_several_sets_of_places_are_judged_at_once_and_the_claimed_spread_is_kept(rng):
    recorded = Measurement(y=NOISE.sample(truth(2), rng), operator=Identity(), noise=NOISE)
    units = Standardisation(NOISE, 0.0, 1.0, stabilise=False)
    places = places_in(recorded.y, 4000, rng).split(2000, -1)
    ranking, reporting = stein_risks(Sure(), recorded, places, units, rng=rng)
    assert ranking.pixels == reporting.pixels == 4000
    assert ranking.mean != reporting.mean
    assert ranking.mean == pytest.approx(2 * ranking.noise_variance, rel=1e-4)  # the copy has no residual, slope one
    assert ranking.spread == reporting.spread == pytest.approx(3.0)
