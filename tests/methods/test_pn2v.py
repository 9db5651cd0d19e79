from dataclasses import replace

import pytest
import torch

from pellucid import methods
from pellucid.errors import InputError
from pellucid.noise import Gaussian, Histogram, Mixture, PoissonGaussian

FEW = {"hypotheses": 16, "fraction": 0.06}  # and more pixels a step


@pytest.fixture
def photons(scene):
    """The scene in photon noise that is skewed and grows with the signal."""
    return replace(scene, noise=PoissonGaussian(0.15, float(scene.x.min()) - 0.1, 0.1))


def settled(method, data):
    """Settle the noise model without training."""
    method.stages[-1].start(data)
    return method.model.noise


def test_the_posterior_mean_beats_the_prior_mean_and_knows_its_error(photons, trained):
    given = photons.record(1)
    method = trained("pn2v", given, 120, **FEW)
    with torch.no_grad():
        image, spread = method.restorer.estimate(given)
        prior = method.model.explain(given).mean(1)
    assert photons.error(image) < 0.7 * photons.error(prior)
    assert photons.error(image) < 0.7 * photons.error(given.y)
    assert float(spread.square().mean()) == pytest.approx(photons.error(image), rel=0.5)


def test_the_prior_mean_is_noise2void(scene, built):
    given = scene.record(1)
    method = built("pn2v", given, inference="prior_mean", **FEW)
    with torch.no_grad():
        torch.testing.assert_close(method.restorer(given), method.model.explain(given).mean(1))
    hypotheses = torch.tensor([1.0, 2.0, 6.0]).view(1, 3, 1, 1, 1)
    held = given.with_y(torch.full((1, 1, 1, 1), 5.0))
    bootstrap = built("pn2v", given, noise="mixture", **FEW).stages[0]
    assert bootstrap.objective.distance(hypotheses, held).item() == pytest.approx((3 - 5) ** 2)


@pytest.mark.parametrize(
    ("kind", "sort"),
    [
        ("auto", Mixture),
        ("mixture", Mixture),
        ("histogram", Histogram),
        ("gaussian", Gaussian),
        ("poisson_gaussian", Histogram),
    ],
)
@pytest.mark.parametrize("source", ["calibration", "repeats"])
def test_every_noise_model_is_learned_from_a_calibration_or_from_repeats(kind, sort, source, photons, rng):
    """The variance that is found is that of the photons within 20 %; that of one strength on average."""
    if source == "calibration":
        z = photons.x.min() + (photons.x.max() - photons.x.min()) * torch.rand(50_000, generator=rng)
        data, pairs = photons.record(1), (z, photons.noise.sample(z, rng))
    else:
        data, pairs = photons.repeats(1, 2), None
    data = replace(data, noise=None)  # and from nothing else
    method = methods.build("pn2v", data, pairs, rng=rng, noise=kind)
    found = settled(method, data)
    assert isinstance(found, sort)
    assert len(method.stages) == 1
    z = photons.x.flatten() if source == "repeats" else z
    if kind == "gaussian":
        assert float(found.sigma**2) == pytest.approx(float(photons.noise.variance(z).mean()), rel=0.2)
    else:
        at = torch.tensor([-0.3, 0.5, 1.5])
        torch.testing.assert_close(found.variance(at), photons.noise.variance(at), rtol=0.2, atol=0)


@pytest.mark.parametrize("kind", ["auto", "gaussian", "poisson_gaussian"])
def test_without_either_the_noise_is_as_diagnosed(kind, photons, rng):
    method = methods.build("pn2v", photons.record(1), rng=rng, noise=kind)
    found = settled(method, photons.record(1))
    z = photons.x.flatten()
    assert float(found.variance(z).mean()) == pytest.approx(float(photons.noise.variance(z).mean()), rel=0.2)
    with pytest.raises(InputError, match="the noise of the image, and it is not known; give a --calibration"):
        settled(method, replace(photons.record(1), noise=None))


@pytest.mark.parametrize("kind", ["mixture", "histogram"])
def test_a_bootstrapped_model_is_learned_from_what_noise2void_made(kind, scene, trained):
    """It holds the noise, and what the network smoothed away besides: never much less."""
    given = scene.record(1)
    method = trained("pn2v", given, 80, noise=kind, **FEW)
    first, second = method.stages
    assert first.model is second.model
    assert first.share < second.share
    assert 0.8 * 0.25 < float(method.model.noise.variance(torch.zeros(1))) < 3 * 0.25
    assert scene.error(method.restorer(given)) < 0.8 * scene.error(given.y)


def test_noise_of_one_strength_is_no_photon_noise(scene, rng):
    method = methods.build("pn2v", scene.record(1), rng=rng, noise="poisson_gaussian")
    with pytest.raises(InputError, match="does not grow with the signal, as that of photons would: set noise=gaussian"):
        settled(method, scene.record(1))


@pytest.mark.parametrize("kind", ["auto", "mixture", "histogram", "gaussian", "poisson_gaussian"])
def test_what_a_blank_image_rebuilds_has_the_same_state(kind, photons, rng):
    data = photons.record(1)
    z = torch.linspace(-1, 2, 5000)
    method = methods.build("pn2v", data, (z, photons.noise.sample(z, rng)), rng=rng, noise=kind)
    settled(method, data)
    blank = methods.build("pn2v", data.with_y(torch.zeros(1, 1, 64, 64)), rng=rng, noise=kind)
    kinds = [{k: (v.shape, v.dtype) for k, v in m.model.state_dict().items()} for m in (method, blank)]
    assert kinds[0] == kinds[1]
    blank.model.load_state_dict(method.model.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(blank.restorer(data), method.restorer(data))
