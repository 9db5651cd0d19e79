import pytest
import torch
from torch.distributions import Normal

from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.data.splits import BlindSpot
from pellucid.noise import Gaussian, Histogram, Mixture, PoissonGaussian
from pellucid.objectives import HeldOut
from pellucid.objectives.mixture_nll import MixtureNLL
from pellucid.operators import Identity
from pellucid.restorers.hypotheses import Hypotheses


def held(y, weight=None) -> Measurement:
    return Measurement(y=y, operator=Identity(), weight=weight)


def test_draws_of_the_prior_give_the_exact_evidence(rng):
    """Of N(0, 2²) and noise N(0, 1): y ~ N(0, 5). Within 5 standard errors of the mean likelihood of K draws."""
    y, count = torch.tensor([-3.0, 0.0, 1.5, 4.0]).view(1, 1, 1, 4), 200_000
    draws = 2 * torch.randn(1, count, 1, 1, 4, generator=rng)
    found = (-MixtureNLL(Gaussian(1.0))(draws, held(y))).exp()
    likelihood = Gaussian(1.0).log_prob(y.unsqueeze(1), draws).exp()
    error = likelihood.std(1) / count**0.5
    assert ((found - Normal(0.0, 5**0.5).log_prob(y).exp()).abs() < 5 * error).all()


def test_it_is_least_for_the_true_prior(rng):
    """Gibbs: of priors N(0, v), the true one explains recordings best."""
    y = ((2**2 + 1) ** 0.5 * torch.randn(1, 1, 100, 100, generator=rng)).expand(1, 1, 100, 100)
    levels = Normal(0.0, 1.0).icdf((torch.arange(200) + 0.5) / 200).view(1, -1, 1, 1, 1)
    loss = [
        float(MixtureNLL(Gaussian(1.0))((s * levels).expand(-1, -1, 1, 100, 100), held(y)).mean())
        for s in (1.5, 2, 2.7)
    ]
    assert loss[1] < min(loss[0], loss[2])


def test_values_far_from_all_hypotheses_have_a_finite_loss():
    loss = MixtureNLL(Gaussian(1e-3))(torch.zeros(1, 4, 1, 1, 1), held(torch.full((1, 1, 1, 1), 50.0)))
    assert loss.isfinite().all()
    assert loss > 1e9  # the likelihood itself is zero in any precision


@pytest.mark.parametrize(
    "noise", [Gaussian(0.5), PoissonGaussian(0.3, -4.0, 0.4), Mixture.normal(), Histogram.blank().rescale(0.5, 0.1)]
)
def test_the_gradient_is_right(noise, rng):
    y = torch.randn(2, 1, 3, 3, generator=rng).double()
    hypotheses = torch.randn(2, 3, 1, 3, 3, generator=rng).double().requires_grad_()
    distance = MixtureNLL(noise.double())
    assert torch.autograd.gradcheck(lambda s: distance(s, held(y)).sum(), hypotheses)


def test_only_what_is_held_is_computed_and_where_it_lies(rng):
    y, s = torch.randn(2, 2, 8, 8, generator=rng), torch.randn(2, 5, 2, 8, 8, generator=rng)
    weight = (torch.rand(2, 2, 8, 8, generator=rng) < 0.1).float()
    whole = MixtureNLL(Gaussian(1.0))(s, held(y))
    part = MixtureNLL(Gaussian(1.0), 0.25)(s, held(y, weight))
    torch.testing.assert_close(part * weight, whole * weight)
    assert int((part != 0).sum()) == 4 * 16
    other = s.masked_fill(weight.unsqueeze(1) == 0, 99.0)
    torch.testing.assert_close(MixtureNLL(Gaussian(1.0), 0.25)(other, held(y, weight)) * weight, whole * weight)


def test_held_out_takes_it_as_its_distance(rng):
    noise = Gaussian(0.5)
    model = Hypotheses(torch.nn.Conv2d(1, 6, 1), 6, noise)
    batch = Measurement(y=torch.randn(2, 1, 16, 16, generator=rng), operator=Identity())
    split = BlindSpot(0.05)
    terms = HeldOut(split, MixtureNLL(noise, 0.1)).terms(model, batch, Step(0, 0.0, torch.Generator().manual_seed(1)))
    given, kept = split(batch, torch.Generator().manual_seed(1))
    log_likelihood = noise.log_prob(kept.y.unsqueeze(1), model.explain(given))
    expected = -(log_likelihood.exp().mean(1).log() * kept.weight).sum() / kept.weight.sum()
    torch.testing.assert_close(terms["held_out"], expected)
