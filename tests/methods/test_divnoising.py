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


@pytest.mark.parametrize("hierarchical", [True, False])
def test_it_comes_nearer_to_the_truth_and_many_draws_are_better_than_one(phantom_2d, hierarchical, rng):
    x = (phantom_2d - phantom_2d.mean()) / phantom_2d.std()
    y = x + 0.5 * torch.randn(x.shape, generator=rng)
    data, method = built(y, draws=16, rate=3e-3, hierarchical=hierarchical)
    (stage,) = method.stages
    fit(stage.model, stage.objective, Fixed(data), Plan(steps=150, optimisers={"model": stage.adam}))
    with torch.no_grad():
        one, divergences = method.model.drawn(data, rng)
        mean, spread = method.restorer.estimate(data, rng)
    errors = [float((image - x).square().mean()) for image in (one, mean)]
    assert errors[1] < errors[0] < 0.5
    assert errors[1] < 0.5 * 0.25
    assert float(spread.min()) > 0
    assert sum(float(divergence.sum()) for divergence in divergences) / x.numel() > 0.05


def test_what_the_data_do_not_need_is_left_to_the_prior_but_no_code_is_unlearned(rng):
    """Pure noise needs no code. Without free nats they tell 1e-5, 2e-4 and 1e-3 of them here, from coarse to fine."""
    data, method = built(0.5 * torch.randn(1, 1, 32, 32, generator=rng), free=0.02, rate=3e-3)
    (stage,) = method.stages
    fit(stage.model, stage.objective, Fixed(data), Plan(steps=150, optimisers={"model": stage.adam}))
    with torch.no_grad():
        _, divergences = method.model.drawn(data, rng)
    nats = [float(divergence.sum()) / data.y.numel() for divergence in divergences]
    assert all(0.002 < told < 0.08 for told in nats)


def test_noise_must_be_known():
    with pytest.raises(InputError, match="it is not known"):
        built(torch.zeros(1, 1, 32, 32), noise=None)
