import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter

from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.prepare import Standardisation
from pellucid.data.splits import BlindSpot, Repeats
from pellucid.errors import InputError
from pellucid.noise import PoissonGaussian
from pellucid.operators import Identity
from pellucid.restorers import Regularised
from pellucid.trust import Risk, held_out_risk, second_shot_risk

NOISE = PoissonGaussian(4.0, 100.0, 6.0)
SMOOTH = Regularised(lambda given, strength: F.avg_pool2d(given.y, 5, 1, 2, count_include_pad=False), 0.0)


def truth(images=4):
    ramp = torch.linspace(0, 1, 128)
    waves = 0.5 + 0.5 * torch.sin(12 * ramp[:, None] + 9 * ramp)
    return (120 + 300 * waves).expand(images, 1, 128, 128)


def places_in(y, count, rng):
    return torch.stack([torch.randperm(y[0, 0].numel(), generator=rng)[:count] for _ in y])[:, None]


@pytest.mark.parametrize("stabilise", [False, True])
@pytest.mark.parametrize("repeats", [False, True])
def test_error_is_the_true_error_of_the_prediction(rng, stabilise, repeats):
    x = truth()
    shots = tuple(Measurement(y=NOISE.sample(x, rng), operator=Identity(), noise=NOISE) for _ in range(2))
    first = shots[0]
    recorded = Repeated(y=first.y, operator=Identity(), noise=NOISE, shots=shots) if repeats else first
    units = Standardisation.of(first.y, NOISE, stabilise=stabilise)
    places = places_in(x, 4000, rng)
    split = Repeats() if repeats else BlindSpot()
    risk = held_out_risk(SMOOTH, split, recorded, places, units, rng=rng)

    image = units.inverse(SMOOTH(Measurement(y=units(first.y), operator=Identity())))
    true = (image - x).square().mean().item()
    assert risk.pixels == 16000
    assert risk.noise_variance == pytest.approx(NOISE.variance(x).mean().item(), rel=0.02)
    assert risk.mean > true + 0.9 * risk.noise_variance
    # four standard errors; a pixel that is hidden misses its own share in the mean of the window
    assert abs(risk.error - true) < 4 * risk.se + (0.0 if repeats else 0.35 * true)


def test_standard_error_is_the_scatter_between_draws(rng):
    x = truth(1)
    units = Standardisation(NOISE, 0.0, 1.0, stabilise=False)
    risks = []
    for _ in range(40):
        recorded = Measurement(y=NOISE.sample(x, rng), operator=Identity())
        risks.append(held_out_risk(SMOOTH, BlindSpot(), recorded, places_in(x, 500, rng), units, rng=rng))
    scatter = torch.tensor([risk.mean for risk in risks]).std().item()
    assert risks[0].se == pytest.approx(scatter, rel=0.4)
    assert risks[0].error is None


def test_hidden_pixels_are_not_seen(rng):
    y = NOISE.sample(truth(2), rng)
    places = places_in(y, 300, rng)
    units = Standardisation(NOISE, 0.0, 1.0, stabilise=False)
    itself = Regularised(lambda given, strength: given.y, 0.0)
    seen = [
        Measurement(y=y.flatten(2).scatter_add(2, places, shift).view(y.shape), operator=Identity())
        for shift in (torch.zeros(places.shape), torch.full(places.shape, 1000.0))
    ]
    before, after = (held_out_risk(itself, BlindSpot(), one, places, units, rng=rng) for one in seen)
    assert after.mean - before.mean > 0.5 * 1000.0**2  # the prediction stayed where it was
    with pytest.raises(InputError, match="two hidden pixels"):
        held_out_risk(itself, BlindSpot(), seen[0], places[:1, :, :1].expand(2, -1, -1)[:, :, :0], units, rng=rng)


def test_second_shot_tells_the_error_of_the_image_even_if_noise_is_correlated(numpy_rng):
    x = truth(1)[0, 0].numpy().astype(float)

    def shot():
        return x + 8 * gaussian_filter(numpy_rng.standard_normal(x.shape), 0.7)

    first, second = shot(), shot()
    image = gaussian_filter(first, 1.5)
    risk = second_shot_risk(image, first, second)
    assert risk.error == pytest.approx(np.mean((image - x) ** 2), abs=4 * risk.se)
    assert risk.noise_variance == pytest.approx(np.var(first - x), rel=0.1)
    with pytest.raises(InputError, match="one shape"):
        second_shot_risk(image, first, second[1:])
    with pytest.raises(InputError, match="32 pixels"):
        second_shot_risk(image[:20], first[:20], second[:20])


def test_a_risk_is_called_an_error_only_where_it_is_one():
    risk = Risk(mean=14.0, se=0.1, noise_variance=10.0)
    assert "estimates a mean squared error of 4 ± 0.1" in risk.meaning(independent=True)
    assert "no estimate of an error here" in risk.meaning(independent=False)
    assert "which is not known" in Risk(mean=14.0, se=0.1).meaning(independent=True)
    shot = Risk(mean=14.0, se=0.1, noise_variance=10.0, second_shot=True)
    assert "estimates a mean squared error" in shot.meaning(independent=False)
