"""A Gaussian prior, N(0, C), whose denoiser is C (C + σ²)⁻¹ x: all posteriors are known."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.networks import initialise
from pellucid.networks.modulated import ModulatedUNet
from pellucid.noise import Gaussian, Poisson
from pellucid.operators import Sampling
from pellucid.restoration import restore
from pellucid.restorers.diffusion import Denoiser, Diffusion, exploding, preserving

CORRELATION = torch.tensor([[1.0, 0.8, 0.3], [0.8, 1.0, 0.5], [0.3, 0.5, 0.7]])
CHAINS = 4000
NOISE = 0.3


class Exact(nn.Module):
    """D(x; σ) of the prior, for images (batch, 1, 1, 3)."""

    def forward(self, x, sigma):
        total = CORRELATION + sigma[0] ** 2 * torch.eye(3)
        return x @ torch.linalg.solve(total, CORRELATION)


def measurement(y=(1.0, 0.0, -0.5), keep=(True, False, True), chains=CHAINS):
    mask = torch.tensor(keep).view(1, 1, 1, 3)
    data = (torch.tensor(y) * torch.tensor(keep)).view(1, 1, 1, 3).expand(chains, -1, -1, -1)
    return Measurement(y=data, operator=Sampling(mask), noise=Gaussian(NOISE))


def moments(x):
    flat = x.flatten(1)
    return flat.mean(0), flat.T.cov()


def posterior(given):
    """Return mean and covariance of x given y."""
    h = torch.diag(given.operator.keep.flatten().float())
    gain = CORRELATION @ h @ torch.linalg.inv(h @ CORRELATION @ h + NOISE**2 * torch.eye(3))
    return gain @ given.y[0].flatten(), CORRELATION - gain @ h @ CORRELATION


@pytest.mark.parametrize(
    ("levels", "correctors"), [(exploding(40, 20.0, 0.03), 0), (preserving(60), 0), (exploding(40, 20.0, 0.03), 1)]
)
def test_draws_without_data_have_the_moments_of_the_prior(levels, correctors, rng):
    """Ancestral sampling, which leads no mean, would lack 15, 13 and 9 % of the variance."""
    mean, covariance = moments(Diffusion(Exact(), levels, correctors=correctors).sample((20000, 1, 1, 3), rng))
    assert float(mean.abs().max()) < 0.03
    torch.testing.assert_close(covariance, CORRELATION, atol=0.01, rtol=0.04)


class Moved(nn.Module):
    """D of the prior with another mean."""

    def forward(self, x, sigma):
        return 1000 + Exact()(x - 1000, sigma)


def test_draws_have_the_mean_of_the_prior_wherever_it_lies():
    """Noise around zero would leave 1 / 400 of it out."""
    rng, again = (torch.Generator().manual_seed(0) for _ in range(2))
    levels = exploding(40, 20.0, 0.03)
    far, near = (Diffusion(d, levels).sample((100, 1, 1, 3), r) for d, r in ((Moved(), rng), (Exact(), again)))
    torch.testing.assert_close(far - 1000, near, rtol=0, atol=0.02)


def test_draws_with_correctors_have_the_moments_of_the_posterior(rng):
    """The mean within 3 %, of which its standard error is a third; the variances within 10 %."""
    given = measurement(chains=10000)
    sampler = Diffusion(Exact(), exploding(40, 3.0, 0.05), correctors=40)
    mean, covariance = moments(sampler.draw(given, rng))
    wanted, spread = posterior(given)
    assert float((mean - wanted).norm()) < 0.03 * float(wanted.norm())
    torch.testing.assert_close(covariance.diag(), spread.diag(), rtol=0.1, atol=0)


def test_a_chain_that_preserves_variance_is_one_that_explodes_divided_by_a():
    """DDPM's ancestral sampling (Ho et al., algorithm 2, with the variance of q(x_s | x_t, x_0)), step by step."""
    levels, shape = preserving(30), (200, 1, 1, 3)
    found = Diffusion(Exact(), levels, guidance="dps").sample(shape, torch.Generator().manual_seed(1))
    rng = torch.Generator().manual_seed(1)
    bars = [1 / (1 + sigma**2) for sigma in levels] + [1.0]
    x = (1 - bars[0]) ** 0.5 * torch.randn(shape, generator=rng)
    for bar, after in pairwise(bars):
        alpha, noise = bar / after, torch.randn(shape, generator=rng)
        mean = bar**0.5 * Exact()(x / bar**0.5, torch.tensor([((1 - bar) / bar) ** 0.5]))
        eps = (x - mean) / (1 - bar) ** 0.5
        x = (x - (1 - alpha) / (1 - bar) ** 0.5 * eps) / alpha**0.5
        x = x + ((1 - after) / (1 - bar) * (1 - alpha)) ** 0.5 * noise
    torch.testing.assert_close(found, x, rtol=1e-3, atol=1e-3)


class Mixture(nn.Module):
    """D of a mixture of N(-1, 0.2²), 3 of 10, and N(2, 0.5²), by Tweedie from the density of the data with noise."""

    weights, means, deviations = torch.tensor([0.3, 0.7]), torch.tensor([-1.0, 2.0]), torch.tensor([0.2, 0.5])

    def joint(self, x, sigma):
        total = (self.deviations**2 + sigma[0] ** 2).sqrt()
        return self.weights.log() + torch.distributions.Normal(self.means, total).log_prob(x[..., None])

    def forward(self, x, sigma):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            (score,) = torch.autograd.grad(self.joint(x, sigma).logsumexp(-1).sum(), x)
        return x.detach() + sigma[0] ** 2 * score


@pytest.mark.parametrize("sigma", [0.1, 1.0, 5.0])
def test_tweedie_is_the_posterior_mean_of_a_gaussian_mixture(sigma):
    prior, x, sigma = Mixture(), torch.linspace(-4, 6, 50), torch.tensor([sigma])
    of = prior.joint(x, sigma).softmax(-1)
    means = (prior.means * sigma**2 + x[:, None] * prior.deviations**2) / (sigma**2 + prior.deviations**2)
    torch.testing.assert_close(prior(x, sigma), (of * means).sum(-1), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("correctors", [0, 2])
def test_draws_have_the_modes_of_the_prior(correctors, rng):
    prior = Mixture()
    x = Diffusion(prior, exploding(60, 30.0, 0.02), correctors=correctors, pace=0.1).sample((CHAINS, 1, 1, 1), rng)
    low = x[x < 0.3]
    assert len(low) / CHAINS == pytest.approx(0.3, abs=0.03)
    assert float(low.mean()) == pytest.approx(-1, abs=0.03)
    assert float(low.std()) == pytest.approx(0.2, rel=0.1)


def test_replacement_is_not_exact(rng):
    """What was not measured is drawn as if the data were no help: its mean falls short of the posterior's."""
    given = measurement(keep=(True, False, False))
    wanted, _ = posterior(given)
    replaced = Diffusion(Exact(), exploding(30, 10.0, 0.03), guidance="replacement", correctors=0)
    mean, _ = moments(replaced.draw(given, rng))
    assert float(mean[0]) == pytest.approx(1.0, abs=0.02)  # the data as they are, noise and all
    assert float(mean[1]) < 0.97 * 0.8
    assert float(mean[0] - wanted[0]) > 0.05


@pytest.mark.parametrize("guidance", ["dps", "likelihood", "replacement"])
def test_a_batch_changes_nothing(guidance, rng):
    """Of counted photons, whose noise is that of each image."""
    given = measurement(chains=4)
    given = replace(given, y=given.y * torch.tensor([1.0, 2, 5, 50]).view(4, 1, 1, 1), noise=Poisson(0.1))
    sampler = Diffusion(Exact(), exploding(8, 5.0, 0.1), guidance=guidance, strength=0.3)
    fixed = torch.randn(200, 4, 1, 1, 3, generator=rng)

    def run(rows):
        part = Measurement(y=given.y[rows], operator=given.operator, noise=given.noise)
        calls = iter(fixed)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch, "randn", lambda *_, **__: next(calls)[rows])
            return sampler.draw(part, rng)

    whole = run(slice(0, 4))
    for k in range(4):
        torch.testing.assert_close(run(slice(k, k + 1)), whole[k : k + 1])


@pytest.mark.parametrize("guidance", ["likelihood", "replacement"])
def test_units_of_the_data_change_nothing(guidance):
    given = measurement()
    other = Measurement(y=50 * given.y, operator=50 * given.operator, noise=Gaussian(50 * NOISE))
    sampler = Diffusion(Exact(), exploding(8, 5.0, 0.1), guidance=guidance)
    one, two = (sampler.draw(data, torch.Generator().manual_seed(1)) for data in (given, other))
    torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-3)


def test_complex_images_have_the_moments_of_the_posterior():
    """Both parts follow the prior, and have half of the variance of the noise."""
    given = measurement()
    both = Measurement(y=given.y * (1 - 2j), operator=given.operator, noise=Gaussian(2**0.5 * NOISE))
    sampler = Diffusion(Exact(), exploding(40, 10.0, 0.03), correctors=30, pace=0.2, draws=2)
    found = restore(both, sampler)
    wanted, covariance = posterior(given)
    torch.testing.assert_close(found.image.mean(0).flatten(), wanted * (1 - 2j), atol=0.06, rtol=0)
    variance = found.spread.square().mean(0).flatten()  # of a complex number: of both parts together
    torch.testing.assert_close(variance, 2 * covariance.diag(), rtol=0.1, atol=0)


def test_dps_is_the_published_algorithm():
    """Chung et al., algorithm 1, with x_t = a (x_0 + σ n) and abar = a²."""
    given, levels, zeta = measurement(), preserving(20), 0.3
    sampler = Diffusion(Exact(), levels, guidance="dps", strength=zeta)
    found = sampler.draw(given, torch.Generator().manual_seed(1))
    rng = torch.Generator().manual_seed(1)
    bars = [1 / (1 + sigma**2) for sigma in levels] + [1.0]
    x = (1 - bars[0]) ** 0.5 * torch.randn(CHAINS, 1, 1, 3, generator=rng)
    for bar, after in pairwise(bars):
        x.requires_grad_()
        mean = Exact()(x / bar**0.5, torch.tensor([((1 - bar) / bar) ** 0.5]))
        off = (given.y - given.operator(mean)).flatten(1).norm(dim=1)
        (gradient,) = torch.autograd.grad(off.sum(), x)
        alpha = bar / after
        step = alpha**0.5 * (1 - after) * x + after**0.5 * (1 - alpha) * mean
        noise = ((1 - after) / (1 - bar) * (1 - alpha)) ** 0.5 * torch.randn(CHAINS, 1, 1, 3, generator=rng)
        x = (step / (1 - bar) + noise - zeta * gradient).detach()
    torch.testing.assert_close(found, x, rtol=1e-3, atol=1e-3)


def test_dps_comes_near_the_data(rng):
    given = measurement()
    sampler = Diffusion(Exact(), exploding(40, 10.0, 0.03), guidance="dps", strength=0.3)
    mean, _ = moments(sampler.draw(given, rng))
    wanted, _ = posterior(given)
    assert float((mean - wanted).norm()) < 0.5 * float(wanted.norm())


def test_dps_without_data_draws_from_the_prior():
    """‖y − H D(x)‖ has no gradient where it is zero; the other samples of the batch have theirs."""
    given = measurement(chains=2)
    keep = torch.tensor([[1, 0, 1], [0, 0, 0]]).view(2, 1, 1, 3)
    some = Measurement(y=keep * given.y, operator=Sampling(keep), noise=given.noise)
    sampler = Diffusion(Exact(), preserving(20), guidance="dps")
    drawn, guided = (sampler.draw(data, torch.Generator().manual_seed(1)) for data in (some, given))
    prior = sampler.sample((2, 1, 1, 3), torch.Generator().manual_seed(1))
    torch.testing.assert_close(drawn, torch.stack([guided[0], prior[1]]))


class Waits(TorchDispatchMode):
    """Counts what makes the host wait for the device."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        waits = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero")
        self.count += function.overloadpacket.__name__ in waits
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("guidance", ["dps", "likelihood", "replacement"])
def test_levels_never_wait_for_the_device(guidance, rng):
    """With five times the levels the host waits as often: once, for the variance of the noise."""
    operator, counts = Sampling(torch.ones(4, 1, 4, 4)), []
    given = Measurement(y=torch.zeros(4, 1, 4, 4), operator=operator, noise=Gaussian(NOISE))
    denoiser = Denoiser(initialise(ModulatedUNet((1, 1), features=2, depth=1), rng))
    for count in (2, 10):
        with Waits() as waits:
            Diffusion(denoiser, exploding(count, 5.0, 0.1), guidance=guidance).draw(given, rng)
        counts.append(waits.count)
    assert counts[0] == counts[1]


def test_levels_must_fall():
    with pytest.raises(InputError, match="each lower than the last"):
        Diffusion(Exact(), [1.0, 2.0])


def test_data_are_not_ignored_where_their_use_is_misspelt():
    with pytest.raises(InputError, match="likelihood, replacement, dps, but 'posterior' came"):
        Diffusion(Exact(), [2.0, 1.0], guidance="posterior")


def test_the_network_sees_numbers_of_order_one(rng):
    seen = []

    class Look(nn.Module):
        def forward(self, x, number):
            seen.append(float(x.std()))
            return x

    denoiser = Denoiser(Look(), deviation=2.0)
    for sigma in (0.01, 1.0, 100.0):
        x = 2 * torch.randn(64, 1, 8, 8, generator=rng) + sigma * torch.randn(64, 1, 8, 8, generator=rng)
        denoiser(x, torch.full((64,), sigma))
    assert seen == pytest.approx([1, 1, 1], abs=0.05)


def test_units_and_offset_of_the_images_change_nothing(rng):
    network = initialise(ModulatedUNet((2, 2), features=2), rng)
    x, sigma = torch.randn(3, 2, 8, 8, generator=rng), torch.tensor([0.1, 1.0, 9.0])
    mean = torch.tensor([7.0, -3.0])
    offset = mean.view(2, 1, 1)
    found = Denoiser(network, 50.0, mean=mean)(50 * x + offset, 50 * sigma)
    torch.testing.assert_close(found, 50 * Denoiser(network)(x, sigma) + offset, rtol=1e-4, atol=1e-3)


def test_levels_fall_from_the_farthest_image():
    levels = Denoiser(nn.Identity(), deviation=2.0, farthest=30.0).levels(5)
    assert levels[0] == pytest.approx(30)
    assert levels[-1] == pytest.approx(0.04)
    assert levels[1] ** 2 == pytest.approx(levels[0] * levels[2])
