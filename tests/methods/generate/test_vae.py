"""VAE: what its bound is worth where log p(y) is known exactly, a linear map of Gaussian codes in Gaussian noise."""

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from pellucid.data.measurement import Measurement
from pellucid.data.patches import Patches
from pellucid.data.source import Fixed, Step
from pellucid.errors import InputError
from pellucid.methods.generate.vae import Codes, VariationalGenerator, vae
from pellucid.noise import Gaussian
from pellucid.objectives.evidence import Evidence
from pellucid.operators import Identity
from pellucid.training import Adam, Plan, fit

SIGMA, PIXELS, CODE = 0.5, 16, 2


class Linear(nn.Module):
    """W z, as images of 4 x 4 pixels."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, z):
        return (z @ self.weight.mT).view(-1, 1, 4, 4)


class Posterior(nn.Module):
    """μ = A y, with a σ that is the same for all y: exact for a linear decoder of orthogonal columns."""

    def __init__(self, slope, log_sigma):
        super().__init__()
        self.slope, self.log_sigma = nn.Parameter(slope), nn.Parameter(log_sigma)

    def forward(self, y):
        mean = y.flatten(1) @ self.slope.mT
        return torch.cat([mean, self.log_sigma.expand_as(mean)], 1)


def linear(weight, slope=None, log_sigma=None):
    """Return the model of W, with its exact posterior N(M Wᵀ y / σ², M), M = (1 + WᵀW / σ²)⁻¹, unless given."""
    spread = 1 / (1 + weight.square().sum(0) / SIGMA**2)
    slope = spread[:, None] * weight.mT / SIGMA**2 if slope is None else slope
    log_sigma = 0.5 * spread.log() if log_sigma is None else log_sigma
    return VariationalGenerator(Codes(Posterior(slope, log_sigma), Linear(weight), CODE), 4)


def columns(rng):
    return torch.linalg.qr(torch.randn(PIXELS, CODE, generator=rng))[0] * torch.tensor([3.0, 1.5])


def measured(weight, count, rng):
    noise, z = Gaussian(SIGMA), torch.randn(count, CODE, generator=rng)
    return Measurement(y=noise.sample((z @ weight.mT).view(-1, 1, 4, 4), rng), operator=Identity(), noise=noise)


def surprise(batch, weight):
    """Return −log p(y) of an entry: y ~ N(0, W Wᵀ + σ²)."""
    evidence = MultivariateNormal(torch.zeros(PIXELS), weight @ weight.mT + SIGMA**2 * torch.eye(PIXELS))
    return -float(evidence.log_prob(batch.y.flatten(1)).mean()) / PIXELS


def bound(model, batch, rng):
    with torch.no_grad():
        return float(sum(Evidence(0.0).terms(model, batch, Step(0, 1.0, rng)).values()))


def test_the_bound_is_tight_at_the_exact_posterior_and_holds_elsewhere(rng):
    weight = columns(rng)
    batch = measured(weight, 20_000, rng)
    assert bound(linear(weight), batch, rng) == pytest.approx(surprise(batch, weight), abs=2e-3)
    for other in (
        linear(weight, slope=0.2 * weight.mT),
        linear(weight, log_sigma=torch.tensor([-1.0, -1.0])),
        linear(1.5 * weight),
    ):
        of = other.network.decoder.weight.detach()
        assert bound(other, batch, rng) > surprise(batch, of) - 2e-3
        assert bound(other, batch, rng) > surprise(batch, weight) + 0.01


def test_its_optimum_is_the_maximum_of_the_evidence(rng):
    """That of probabilistic principal components: W Wᵀ + σ² has the CODE largest eigenvalues of the covariance."""
    batch = measured(columns(rng), 400, rng)
    y = batch.y.flatten(1)
    value, vector = torch.linalg.eigh(y.mT @ y / len(y))
    best = vector[:, -CODE:] * (value[-CODE:] - SIGMA**2).sqrt()
    slope, weight = (0.3 * torch.randn(*shape, generator=rng) for shape in ((CODE, PIXELS), (PIXELS, CODE)))
    model = linear(weight, slope=slope, log_sigma=torch.zeros(CODE))
    fit(model, Evidence(), Fixed(batch), Plan(steps=600, optimisers={"model": Adam(rate=0.02)}))
    found = sum(bound(model, batch, rng) for _ in range(40)) / 40
    assert found == pytest.approx(surprise(batch, best), abs=3e-3)
    assert found > surprise(batch, best) - 1e-3


def test_the_divergence_is_that_of_the_distributions(rng):
    model = linear(columns(rng), log_sigma=torch.tensor([-1.3, 0.4]))
    batch = measured(columns(rng), 5, rng)
    mean, log_sigma = model.network.encoder(batch.y).chunk(2, 1)
    found = model.drawn(batch, rng)[1][0]
    torch.testing.assert_close(found, kl_divergence(Normal(mean, log_sigma.exp()), Normal(0.0, 1.0)))


def spots(rng, count=256, size=8):
    """Return spots at random places in noise."""
    at, ramp = size * torch.rand(2, count, 1, generator=rng), torch.arange(size)
    row, column = torch.exp(-0.5 * ((ramp - at) / 1.2) ** 2)
    noise = Gaussian(0.3)
    clean = (row[:, :, None] * column[:, None])[:, None]
    return Measurement(y=noise.sample(clean, rng), operator=Identity(), noise=noise), clean


def trained(data, steps):
    made = vae(data, rng=torch.Generator().manual_seed(0), code=4, features=8, draws=8)
    source = Patches(data=data, patch=data.y.shape[2:], batch=32, symmetries="none")
    fit(made.model, made.objective, source, Plan(steps=steps, optimisers=made.optimisers))
    return made.model


def test_it_restores_and_draws_images_like_those_it_has_seen(rng):
    data, clean = spots(rng)
    model = trained(data, 300)
    with torch.no_grad():
        restored, new = model(data), model.sample(256, rng)
    assert float((restored - clean).square().mean()) < 0.5 * float((clean.mean(0) - clean).square().mean())
    assert new.shape == (256, 1, 8, 8)
    assert float((new.mean(0) - clean.mean(0)).abs().mean()) < 0.5 * float(clean.mean())
    assert float(new.std(0).mean()) > 0.3 * float(clean.std(0).mean())


def test_a_seed_fixes_the_draws(rng):
    data, _ = spots(rng)
    first, second = (trained(data, 3).sample(4, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)


def test_volumes_have_codes_too(rng):
    data = Measurement(y=torch.zeros(2, 1, 6, 9, 8), operator=Identity(), noise=Gaussian(1.0))
    model = vae(data, rng=rng, code=3, features=4).model
    assert model.drawn(data, rng)[0].shape == data.y.shape


@pytest.mark.parametrize(
    ("shape", "noise", "sentence"),
    [((4, 1, 8, 8), None, "none came"), ((4, 1, 3, 8), Gaussian(1.0), "4 pixels or more")],
)
def test_what_cannot_be_explained_is_refused(shape, noise, sentence, rng):
    data = Measurement(y=torch.zeros(shape), operator=Identity(), noise=noise)
    with pytest.raises(InputError, match=sentence):
        vae(data, rng=rng)
    with pytest.raises(InputError, match="one or more; 0 is not"):
        vae(data, rng=rng, code=0)
