import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.source import Fixed, Step
from pellucid.noise import Gaussian
from pellucid.objectives.score_matching import ScoreMatching, variation
from pellucid.operators import Identity
from pellucid.restorers import Restorer
from pellucid.restorers.tweedie import Tweedie
from pellucid.training import Adam, Plan, fit


class Line(Restorer):
    """R(y) = slope y + shift."""

    def __init__(self, slope=0.0, shift=0.0):
        super().__init__()
        self.slope, self.shift = (torch.nn.Parameter(torch.tensor(v)) for v in (slope, shift))

    def forward(self, given, rng=None):
        return self.slope * given.y + self.shift


def recorded(rng, mean=1.0, sigma=0.8, known=0.5, weight=None):
    """Return noise around one value; the model of the noise says `known`."""
    y = mean + sigma * torch.randn(1, 1, 128, 128, generator=rng)
    return Measurement(y=y, operator=Identity(), noise=Gaussian(known), weight=weight)


def terms(model, batch, seed=0, progress=1.0, **given):
    return ScoreMatching(**given).terms(model, batch, Step(0, progress, torch.Generator().manual_seed(seed)))


def learned(model, batch, steps=300, rate=0.05, **given):
    plan = Plan(steps=steps, optimisers={"model": Adam(rate=rate, warm_up=1)})
    fit(model, ScoreMatching(**given), Fixed(batch), plan)
    return model


def test_the_score_of_a_normal_density_is_learned(rng):
    """N(m, s²), smoothed by σ_a, has the score (m - y) / (s² + σ_a²)."""
    line = learned(Tweedie(Line()), recorded(rng), first=0.2, last=0.2).score
    total = 0.8**2 + (0.2 * 0.5) ** 2
    assert float(line.slope.detach()) == pytest.approx(-1 / total, rel=0.05)
    assert float(line.shift.detach()) == pytest.approx(1 / total, rel=0.05)


def test_both_signs_of_u_keep_the_mean_and_take_away_the_variance(rng):
    """At a hundredth of the noise, the slope of the loss in a parameter is a hundred times less noisy."""
    batch, both, single = recorded(rng), [], []
    width = 0.01 * 0.5
    for seed in range(60):
        model = Tweedie(Line(-1.0, 0.5))
        (slope,) = torch.autograd.grad(terms(model, batch, seed, last=0.01)["score"], model.score.slope)
        u = torch.randn(batch.y.shape, generator=rng)
        noisier = batch.with_y(batch.y + width * u)
        (one,) = torch.autograd.grad((width * model.score(noisier) + u).square().mean(), model.score.slope)
        both.append(slope)
        single.append(one)
    both, single = torch.stack(both), torch.stack(single)
    assert (both.mean() - single.mean()).abs() < 4 * single.std() / 60**0.5
    assert both.std() < 0.02 * single.std()


def test_the_width_falls_with_the_progress(rng):
    """With R = 0 the loss is u² whatever the width; with R = 1 / width it tells the width."""
    batch = recorded(rng)
    for progress, width in ((0.0, 0.25), (0.5, 0.15), (1.0, 0.05)):
        loss = terms(Tweedie(Line(0.0, 100.0)), batch, progress=progress, first=0.5, last=0.1)["score"]
        assert float(loss.detach()) == pytest.approx((100 * width) ** 2 + 1, rel=0.02)


def test_entries_without_weight_are_no_targets(rng):
    """For a score without slope, values without weight change nothing."""
    batch = recorded(rng, weight=torch.rand(1, 1, 128, 128, generator=rng) < 0.5)
    other = batch.with_y(torch.where(batch.weight, batch.y, 9.0))
    assert terms(Tweedie(Line()), batch)["score"] == terms(Tweedie(Line()), other)["score"]
    sloping = Tweedie(Line(-1.0))
    torch.testing.assert_close(terms(sloping, batch)["score"], terms(sloping, other)["score"])


def test_the_level_is_that_of_the_least_total_variation(rng):
    """The noise is 1.6 times as strong as the model says, its variance 2.56 times; only the level follows."""
    batch = recorded(rng)
    model = Tweedie(Line(-1 / 0.8**2, 1 / 0.8**2), blind=True)
    before = variation(model(batch))
    loss = terms(model, batch)
    slope, pace = torch.autograd.grad(loss["variation"], [model.score.slope, model.pace], allow_unused=True)
    assert slope is None
    assert pace < 0
    learned(model, batch, steps=400, rate=0.01, first=0.1, last=0.1)
    assert float(model.level.detach()) == pytest.approx(2.56, rel=0.1)
    assert variation(model(batch)) < 0.1 * before
