import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.source import Fixed
from pellucid.errors import InputError
from pellucid.methods import function
from pellucid.noise import Gaussian
from pellucid.operators import Identity
from pellucid.training import Plan, fit


def built(y, **given):
    noise = given.pop("noise", Gaussian(0.5))
    example = Measurement(y=y, operator=Identity(), noise=noise)
    return example, function("divnoising")(example, rng=torch.Generator().manual_seed(0), features=8, code=8, **given)


def test_it_comes_nearer_to_the_truth_and_many_draws_are_better_than_one(phantom_2d, rng):
    x = (phantom_2d - phantom_2d.mean()) / phantom_2d.std()
    data, method = built(x + 0.5 * torch.randn(x.shape, generator=rng), draws=16, rate=3e-3)
    (stage,) = method.stages
    fit(stage.model, stage.objective, Fixed(data), Plan(steps=150, optimisers={"model": stage.adam}))
    with torch.no_grad():
        one = method.restorer.draw(data, rng)
        mean, spread = method.restorer.estimate(data, rng)
    errors = [float((image - x).square().mean()) for image in (one, mean)]
    assert errors[1] < errors[0] < 0.5
    assert errors[1] < 0.5 * 0.25
    assert float(spread.min()) > 0


def test_noise_must_be_known():
    with pytest.raises(InputError, match="it is not known"):
        built(torch.zeros(1, 1, 32, 32), noise=None)
