import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.prepare import Standardisation
from pellucid.data.source import Fixed
from pellucid.errors import InputError
from pellucid.methods import function
from pellucid.noise import Gaussian, Histogram, Mixture, PoissonGaussian
from pellucid.operators import Identity
from pellucid.operators.blur import Blur
from pellucid.training import Plan, fit


def built(y, **given):
    noise, operator = given.pop("strength", Gaussian(0.5)), given.pop("operator", Identity())
    example = Measurement(y=y, operator=operator, noise=noise)
    return example, function("divnoising")(example, rng=torch.Generator().manual_seed(0), features=8, code=8, **given)


def trained(data, method, steps):
    for stage in method.stages:
        if stage.start is not None:
            stage.start(data)
        fit(stage.model, stage.objective, Fixed(data), Plan(steps=steps, optimisers={"model": stage.adam}))


@pytest.mark.parametrize("hierarchical", [True, False])
def test_it_comes_nearer_to_the_truth_and_many_draws_are_better_than_one(phantom_2d, hierarchical, rng):
    x = (phantom_2d - phantom_2d.mean()) / phantom_2d.std()
    y = x + 0.5 * torch.randn(x.shape, generator=rng)
    data, method = built(y, draws=16, rate=3e-3, hierarchical=hierarchical)
    trained(data, method, 150)
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
    trained(data, method, 150)
    with torch.no_grad():
        _, divergences = method.model.drawn(data, rng)
    nats = [float(divergence.sum()) / data.y.numel() for divergence in divergences]
    assert all(0.002 < told < 0.08 for told in nats)


def test_codes_that_tell_nothing_are_called_collapsed(phantom_2d, rng):
    y = 5 * phantom_2d + 0.5 * torch.randn(phantom_2d.shape, generator=rng)
    data, method = built(y, hierarchical=False, rate=3e-3)
    (sentence,) = method.finish(data)
    assert "have collapsed" in sentence
    trained(data, method, 40)
    assert method.finish(data) == ()


def test_stabilised_noise_has_strength_one_in_the_dark_too(rng):
    """The density that a stabilised zero would have, with the variance left below two photons, has no bound."""
    y = PoissonGaussian(20.0, 3.0, 1e-3).sample(torch.linspace(3, 203, 1024).view(1, 1, 32, 32), rng)
    units = Standardisation.of(y, PoissonGaussian(20.0, 3.0, 1e-3), stabilise=True)
    _, method = built(units(y), strength=units.noise)
    noise, (none, one) = method.stages[0].objective.noise, units(torch.tensor([3.0, 23.0]))
    assert float(noise.sigma) == pytest.approx(1 / units.scale)
    assert float(noise.log_prob(one, none)) > -5
    assert float(units.noise.log_prob(one, none)) < -1000


@pytest.mark.parametrize("kind", ["auto", "histogram"])
def test_noise_is_learned_from_a_calibration(kind, rng):
    """Recorded values are twice the signal here, as those of a stabilised signal are another function of it."""
    signal = torch.linspace(-1, 1, 2000).expand(4, -1)
    observed = 2 * signal + 0.3 * torch.randn(signal.shape, generator=rng)
    _, method = built(torch.zeros(1, 1, 32, 32), noise=kind, noise_pairs=(signal, observed))
    noise, at = method.stages[0].objective.noise, torch.tensor([-1.5, 0.0, 1.5])
    assert isinstance(noise, Histogram if kind == "histogram" else Mixture)
    torch.testing.assert_close(noise.variance(at).sqrt(), torch.full((3,), 0.3), rtol=0.1, atol=0)


def test_noise_is_bootstrapped_from_what_a_first_stage_restored(phantom_2d, rng):
    """The strength that it was said to have is too large by a half."""
    x = (phantom_2d - phantom_2d.mean()) / phantom_2d.std()
    y = x + 0.5 * torch.randn(x.shape, generator=rng)
    data, method = built(y, noise="histogram", strength=Gaussian(0.75), draws=4, rate=3e-3)
    trained(data, method, 70)
    found = method.stages[1].objective.noise.variance(x).mean().sqrt()
    assert 0.4 < float(found) < 0.65


def test_draws_behind_a_blur_explain_the_data_and_are_sharper_than_they(rng):
    x = torch.zeros(1, 1, 32, 32)
    x[..., 6:10, 4:28], x[..., 18:22, 4:28] = 3.0, 3.0
    row = torch.exp(-0.5 * (torch.arange(-4, 5) / 1.2).square())
    blur = Blur((torch.outer(row, row) / row.sum() ** 2)[None, None], "reflect")
    y = blur(x) + 0.2 * torch.randn(x.shape, generator=rng)
    data, method = built(y, strength=Gaussian(0.2), operator=blur, rate=5e-3, draws=16)
    trained(data, method, 200)
    with torch.no_grad():
        image, spread = method.restorer.estimate(data)
        residual = y - blur(image)
    assert float((image - x).square().mean()) < 0.8 * float((y - x).square().mean())
    assert float(residual.std()) < 1.5 * 0.2
    assert float(spread.min()) > 0


def test_noise_must_be_known():
    with pytest.raises(InputError, match="it is not known"):
        built(torch.zeros(1, 1, 32, 32), strength=None)


def test_one_draw_has_no_spread():
    with pytest.raises(InputError, match="two or more"):
        built(torch.zeros(1, 1, 32, 32), draws=1)
