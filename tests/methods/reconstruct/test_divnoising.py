from dataclasses import replace

import pytest
import torch
from torch.nn.functional import pad

from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.methods.reconstruct.divnoising import divnoising, folded
from pellucid.noise import Gaussian, PoissonGaussian
from pellucid.operators import Blur, LearnableBlur, Sampling
from pellucid.operators.base import LinearComposition
from pellucid.training import Plan, fit


def gaussian(width, taps=9):
    psf = torch.exp(-0.5 * ((torch.arange(float(taps)) - taps // 2) / width) ** 2)
    return (psf[:, None] * psf / psf.sum() ** 2)[None, None]


@pytest.fixture
def case(rng):
    """Return bright squares, and their blurred recording by a camera of known gain and read noise."""
    x = 60 * (torch.rand(1, 1, 6, 6, generator=rng) ** 3).repeat_interleave(16, 2).repeat_interleave(16, 3) + 2
    blur, noise = Blur(gaussian(1.5), "reflect"), PoissonGaussian(10.0, 0.0, 5.0)
    return x, Measurement(y=noise.sample(blur(x), rng), operator=blur, noise=noise)


def built(example, **given):
    return divnoising(example, rng=torch.Generator().manual_seed(0), features=8, draws=8, **given)


def trained(made, example, steps):
    (stage,) = made.stages
    fit(stage.model, stage.objective, stage.source([example]), Plan(steps=steps, optimisers={"model": stage.adam}))
    return made


def test_it_learns_from_one_recording_and_its_draws_are_not_negative(case):
    x, data = case
    with torch.no_grad():
        made = built(data, rate=5e-3)
        before = (made.restorer(data) - x).square().mean()
    trained(made, data, 80)
    with torch.no_grad():
        draws = torch.cat([made.restorer.draw(data, torch.Generator().manual_seed(k)) for k in range(8)])
        mean, spread = made.restorer.estimate(data)
    error = (mean - x).square().mean()
    assert error < 0.5 * before
    assert error < 0.9 * (data.y - x).square().mean()
    assert (error < (draws - x).square().mean((1, 2, 3))).all()
    assert (draws >= 0).all()
    assert (spread > 0).all()


def test_many_draws_of_the_same_recording_encode_it_once(case):
    _, data = case
    sampler, encoded = built(data).restorer, []
    sampler.network.levels[-1].seen.register_forward_hook(lambda *_: encoded.append(1))
    with torch.no_grad():
        draw = sampler.posterior(data)
        draws = [draw(torch.Generator().manual_seed(k)) for k in range(3)]
        assert len(encoded) == 1
        again = [sampler.draw(data, torch.Generator().manual_seed(k)) for k in range(3)]
    assert torch.equal(torch.cat(draws), torch.cat(again))


def test_entries_that_count_need_nothing_from_beyond_their_patch(case, rng):
    x, data = case
    through = replace(data, y=data.operator(x))
    (stage,) = built(data).stages
    source, truth = stage.source([through]), stage.source([replace(through, y=x)])
    step = Step(index=0, progress=0.0, rng=rng)
    clean = truth.draw(replace(step, rng=rng.manual_seed(rng.initial_seed())))
    seen = source.draw(replace(step, rng=rng.manual_seed(rng.initial_seed())))
    off = (seen.operator(clean.y) - seen.y).abs()
    assert 0.6 < float(seen.weight.mean()) < 1
    assert off[seen.weight > 0].max() < 0.02 * x.max()
    assert off.max() > 0.1 * x.max()


def test_the_same_patches_judge_the_weights_each_time(case):
    _, data = case
    (stage,) = built(data).stages
    (objective, first), (_, second) = stage.judge([data]), stage.judge([data])
    torch.testing.assert_close(first.batch.y, second.batch.y)
    assert objective.annealing == 0


def test_photons_with_read_noise_are_most_likely_at_their_mean(rng):
    """The score of (y + σ²) ~ Poisson(z + σ²) has the mean zero, though y is no Poisson number."""
    z = torch.full((1, 1, 200, 200), 3.0, requires_grad=True)
    noise, blur = PoissonGaussian(0.5, 0.0, 1.0), Blur(gaussian(1.0, 3), "reflect")
    data = Measurement(y=noise.sample(z.detach(), rng), operator=blur, noise=noise)
    (stage,) = built(data).stages
    batch = stage.source([data]).draw(Step(index=0, progress=0.0, rng=rng))
    mean = torch.full_like(batch.y, 3.0).requires_grad_()
    (score,) = torch.autograd.grad(batch.noise.log_prob(batch.y, mean).sum(), mean)
    assert abs(float(score.mean())) < 4 * float(score.std()) / score.numel() ** 0.5
    torch.testing.assert_close(batch.noise.variance(mean), noise.variance(mean))


@pytest.mark.parametrize("sigma", [0.25, 0.5, 1.0])
def test_darkness_is_likeliest_at_a_tenth_of_a_photon_at_most(sigma, rng):
    noise, blur = PoissonGaussian(1.0, 0.0, sigma), Blur(gaussian(1.0, 3), "reflect")
    data = Measurement(y=noise.sample(torch.zeros(1, 1, 200, 200), rng), operator=blur, noise=noise)
    (stage,) = built(data).stages
    batch = stage.source([data]).draw(Step(index=0, progress=0.0, rng=rng))
    levels = torch.linspace(0.01, 0.3, 30)
    best = max(levels, key=lambda z: float(batch.noise.log_prob(batch.y, torch.full_like(batch.y, z)).sum()))
    assert best < 0.115


def test_pixels_that_were_not_measured_have_no_weight(case, rng):
    _, data = case
    keep = torch.rand(data.y.shape, generator=rng) > 0.1
    partly = replace(data, y=data.y * keep, operator=LinearComposition(Sampling(keep), data.operator))
    (stage,) = built(partly).stages
    batch = stage.source([partly]).draw(Step(index=0, progress=0.0, rng=rng))
    inside = batch.weight.amax(0) > 0
    assert 0.8 < float(batch.weight[:, inside].mean()) < 0.97


def test_the_same_seed_gives_the_same_draw(case):
    _, data = case
    made = [trained(built(data), data, 2) for _ in range(2)]
    with torch.no_grad():
        first, second = (one.restorer.draw(data, torch.Generator().manual_seed(3)) for one in made)
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_another_psf_is_refused_but_not_the_same_with_a_dark_frame(case):
    _, data = case
    made = built(data)
    made.tell(Blur(pad(gaussian(1.5), [4] * 4), "reflect"))
    with pytest.raises(InputError, match="behind another PSF"):
        made.tell(Blur(gaussian(1.8), "reflect"))
    assert folded(gaussian(2.0, 25)).sum().item() == pytest.approx(1)


def test_volumes_are_drawn_from(rng):
    kernel = torch.ones(1, 1, 3, 3, 3) / 27
    data = Measurement(y=torch.rand(1, 1, 6, 20, 20, generator=rng), operator=Blur(kernel), noise=Gaussian(0.1))
    made = trained(built(data), data, 1)
    with torch.no_grad():
        assert made.restorer(data).shape == data.y.shape


@pytest.mark.parametrize(
    ("change", "given", "said"),
    [
        ({"operator": Sampling(torch.ones(1, 1, 96, 96, dtype=torch.bool))}, {}, "behind a PSF that is known"),
        ({"operator": LearnableBlur(gaussian(1.5))}, {}, "behind a PSF that is known"),
        ({"noise": None}, {}, "needs the noise"),
        ({}, {"draws": 1}, "two or more"),
    ],
)
def test_what_cannot_be_drawn_from_is_refused(case, change, given, said):
    with pytest.raises(InputError, match=said):
        divnoising(replace(case[1], **change), rng=torch.Generator(), **given)
