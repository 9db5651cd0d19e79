"""A score of rings, learned in some steps, and what can be done with it."""

from dataclasses import replace

import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.patches import Patches
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.methods.generate.score_model import score_model
from pellucid.noise import Gaussian
from pellucid.operators import Identity, Sampling
from pellucid.restoration import restore
from pellucid.restorers.diffusion import Diffusion
from pellucid.training import Plan, fit

SIZE, NOISE = 16, 0.05


def rings(count, rng):
    """Return rings of one width, anywhere."""
    axis = torch.arange(SIZE, dtype=torch.float32)
    place = 4 + 8 * torch.rand(2, count, 1, 1, 1, generator=rng)
    away = torch.hypot(axis[:, None] - place[0], axis - place[1])
    return torch.exp(-((away - 3.5) ** 2) / 2)


def measurement(y, operator=None):
    return Measurement(y=y, operator=operator or Identity(), noise=Gaussian(NOISE))


def loss(made, images):
    step = Step(0, 0.0, torch.Generator().manual_seed(1))
    with torch.no_grad():
        return float(made.objective.terms(made.model, images, step)["score"])


@pytest.fixture(scope="module")
def learned():
    rng = torch.Generator().manual_seed(0)
    images = measurement(rings(400, rng))
    made = score_model(images, rng=rng, features=8)
    source = Patches(data=images, patch=(SIZE, SIZE), batch=16)
    plan = Plan(steps=400, optimisers=made.optimisers)
    before = loss(made, images)
    fit(made.model, made.objective, source, plan)
    return made, before, loss(made, images)


def test_learning_lowers_the_loss(learned):
    _, before, after = learned
    assert after < 0.5 * before


def test_the_score_denoises_at_any_level(learned, rng):
    x = rings(32, rng)
    for sigma, gain in ((0.1, 2.0), (0.3, 4.0)):
        noisy = x + sigma * torch.randn(x.shape, generator=rng)
        with torch.no_grad():
            found = learned[0].model(noisy, torch.full((32,), sigma))
        assert float((found - x).square().mean()) < sigma**2 / gain


def test_draws_look_like_the_images(learned, rng):
    made, *_ = learned
    sampler = Diffusion(made.model, made.model.levels(40))
    drawn, fresh = sampler.sample((32, 1, SIZE, SIZE), rng), rings(32, rng)
    for statistic in (lambda x: x, lambda x: x.diff(dim=-1)):
        one, other = (statistic(x).flatten().sort().values for x in (drawn, fresh))
        assert float((one - other).abs().mean()) < 0.1  # of white noise with their moments: 0.16 and 0.27


def test_what_is_missing_is_filled_in(learned, rng):
    """Where nothing was measured the mean of the draws has less error than a constant, and more spread."""
    made, *_ = learned
    x = rings(8, rng)
    keep = (torch.rand(8, 1, SIZE, SIZE, generator=rng) < 0.4).float()
    given = measurement(keep * (x + NOISE * torch.randn(x.shape, generator=rng)), Sampling(keep))
    found = restore(given, Diffusion(made.model, made.model.levels(40), draws=4), rng=rng)
    assert found.spread is not None
    hidden = 1 - keep
    error = (hidden * (found.image - x)).square().sum() / hidden.sum()
    assert float(error) < 0.4 * float((hidden * (x - x.mean())).square().sum() / hidden.sum())
    assert float((hidden * found.spread).sum() / hidden.sum()) > 1.3 * float((keep * found.spread).sum() / keep.sum())


def test_complex_images_are_two_channels(rng):
    images = measurement(torch.polar(rings(4, rng), torch.ones(4, 1, SIZE, SIZE)))
    made = score_model(images, rng=rng, features=4)
    fit(made.model, made.objective, Patches(data=images, patch=(8, 8), batch=2), Plan(steps=2))
    sampler = Diffusion(made.model, made.model.levels(3), draws=2)
    found = restore(replace(images, operator=Sampling(torch.ones(1, 1, SIZE, SIZE))), sampler, rng=rng)
    assert found.image.is_complex()
    assert not found.spread.is_complex()


def test_a_seed_decides_all(rng):
    images = measurement(rings(8, rng))

    def drawn(seed):
        made = score_model(images, rng=torch.Generator().manual_seed(seed), features=2)
        plan = Plan(steps=3, seed=seed, optimisers=made.optimisers)
        fit(made.model, made.objective, Patches(data=images, patch=(8, 8), batch=2), plan)
        sampler = Diffusion(made.model, made.model.levels(3))
        return sampler.sample((1, 1, 8, 8), torch.Generator().manual_seed(seed))

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))


def test_units_of_the_images_are_saved_with_the_weights(learned, rng):
    other = score_model(measurement(7 + 3 * rings(4, rng)), rng=rng, features=8).model
    other.load_state_dict(learned[0].model.state_dict())
    x, sigma = rings(4, rng), torch.full((4,), 0.2)
    with torch.no_grad():
        assert torch.equal(other(x, sigma), learned[0].model(x, sigma))
    assert other.levels(4) == learned[0].model.levels(4)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (torch.ones(1, 1, 8, 8), "two images or more"),
        (torch.ones(4, 1, 10, 8), "multiples of 4"),
        (torch.ones(4, 1, 8, 8), "all that came are the same"),
        (torch.eye(8), r"came: convert them"),
        (torch.ones(4, 1, 8, 8, dtype=torch.int64), "torch.int64 of shape"),
        (torch.full((4, 1, 8, 8), torch.nan), "take NaN out"),
    ],
)
def test_what_has_no_score_is_told(y, words, rng):
    with pytest.raises(InputError, match=words):
        score_model(measurement(y), rng=rng)
