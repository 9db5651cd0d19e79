"""A linear Gaussian model, y = a z + n: its evidence N(y; 0, a² + s²) and posterior are known exactly."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.networks.autoencoder import coded
from pellucid.noise import Gaussian
from pellucid.objectives.evidence import Evidence
from pellucid.operators import Diagonal, Identity
from pellucid.restorers.variational import Variational

GAIN, SIGMA = 1.5, 0.5
TOTAL = GAIN**2 + SIGMA**2
SLOPE, LOG_SIGMA = GAIN / TOTAL, math.log(SIGMA / TOTAL**0.5)


class Linear(nn.Module):
    """q = N(k y, σ²); exact with k = a / (a² + s²) and σ² = s² / (a² + s²)."""

    def __init__(self, slope, log_sigma):
        super().__init__()
        self.slope, self.log_sigma = (nn.Parameter(torch.tensor(v)) for v in (slope, log_sigma))

    def encode(self, y):
        return torch.cat([self.slope * y, self.log_sigma.expand_as(y)], 1)

    def decode(self, moved, rng):
        z, divergence = coded(torch.zeros_like(moved), moved, rng)
        return GAIN * z, [divergence]


def model(slope=SLOPE, log_sigma=LOG_SIGMA):
    return Variational(Linear(slope, log_sigma), 64)


def measured(rng, shape=(8, 1, 100, 100)):
    y = TOTAL**0.5 * torch.randn(shape, generator=rng)
    return Measurement(y=y, operator=Identity(), noise=Gaussian(SIGMA))


def bound(model, batch, rng):
    with torch.no_grad():
        return float(sum(Evidence(0.0).terms(model, batch, Step(0, 1.0, rng)).values()))


def test_the_bound_is_the_evidence_at_the_exact_posterior_and_above_it_elsewhere(rng):
    batch = measured(rng)
    evidence = float((0.5 * batch.y.square() / TOTAL + 0.5 * math.log(2 * math.pi * TOTAL)).mean())
    assert bound(model(), batch, rng) == pytest.approx(evidence, abs=0.01)
    for other in (model(slope=0.5), model(log_sigma=-0.5), model(log_sigma=-2.0)):
        assert bound(other, batch, rng) > evidence + 0.02


def test_the_evidence_is_that_of_images_behind_their_instrument(rng):
    """Of y = 2 a z + n, as a gain of 2 a would have it."""
    total = (2 * GAIN) ** 2 + SIGMA**2
    batch = replace(measured(rng), operator=Diagonal(torch.tensor(2.0)))
    evidence = float((0.5 * batch.y.square() / total + 0.5 * math.log(2 * math.pi * total)).mean())
    exact = model(2 * GAIN / total, math.log(SIGMA / total**0.5))
    assert bound(exact, batch, rng) == pytest.approx(evidence, abs=0.01)


def test_draws_have_the_moments_of_the_posterior(rng):
    batch = measured(rng, (1, 1, 40, 40))
    with torch.no_grad():
        mean, spread = model().estimate(batch, rng)
    wanted = GAIN * SIGMA / TOTAL**0.5
    off = (mean - GAIN**2 / TOTAL * batch.y) / (wanted / 8)
    assert abs(float(off.mean())) < 0.1
    assert float(off.std()) == pytest.approx(1, abs=0.06)
    assert float(spread.square().mean().sqrt()) == pytest.approx(wanted, rel=0.02)


def test_a_code_that_tells_less_than_its_free_nats_is_not_pressed_to_tell_nothing(rng):
    batch = measured(rng, (1, 1, 8, 8))
    for slope, pressed in ((1e-3, False), (SLOPE, True)):
        told = model(slope=slope, log_sigma=-1e-3)
        term = Evidence(0.0, free=0.05).terms(told, batch, Step(0, 1.0, rng))["divergence"]
        (gradient,) = torch.autograd.grad(term, told.network.slope)
        assert (float(gradient) != 0) == pressed
        assert term.item() >= 0.049


def test_the_likelihood_is_the_mean_over_the_pixels_that_have_weight(rng):
    """Of the image zero, which this code tells, and though nothing explains the others."""
    batch = measured(rng, (1, 1, 8, 8))
    weight = (torch.arange(8) < 2).float().expand_as(batch.y)
    data = replace(batch, y=batch.y + 1e3 * (1 - weight), weight=weight)
    found = Evidence(0.0).terms(model(slope=0.0, log_sigma=-20.0), data, Step(0, 1.0, rng))["likelihood"]
    assert found.item() == pytest.approx(
        -batch.noise.log_prob(batch.y, torch.zeros(1))[..., :2].mean().item(), rel=1e-3
    )


def test_noise_that_is_given_stands_for_that_of_the_measurement(rng):
    batch = measured(rng, (1, 1, 8, 8))
    pairs = (Evidence(noise=Gaussian(2.0)), batch), (Evidence(), replace(batch, noise=Gaussian(2.0)))
    given, own = (e.terms(model(), b, Step(0, 1.0, torch.Generator().manual_seed(0)))["likelihood"] for e, b in pairs)
    assert given.item() == own.item()


def test_the_code_is_free_at_the_start(rng):
    batch = measured(rng, (1, 1, 8, 8))
    parts = [Evidence(0.5).terms(model(), batch, Step(0, p, rng))["divergence"].item() for p in (0.0, 0.25, 0.5, 1.0)]
    assert parts[0] == 0
    assert parts[1] == pytest.approx(parts[3] / 2)
    assert parts[2] == parts[3]


def test_noise_must_be_known(rng):
    with pytest.raises(InputError, match="needs its noise model"):
        Evidence().terms(model(), Measurement(y=torch.zeros(1, 1, 4, 4), operator=Identity()), Step(0, 0.0, rng))
