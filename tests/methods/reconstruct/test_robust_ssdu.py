import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.sampling import RandomSampling
from pellucid.data.simulate.brains import random_brain
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.data.simulate.sampling import gaussian_points
from pellucid.errors import InputError
from pellucid.methods.reconstruct.robust_ssdu import Recorrupted, outer_deviation
from pellucid.noise import Gaussian
from pellucid.operators import Identity
from pellucid.operators.mri import Sense


def regression(given, target):
    """Return the matrix A of the least E|A given - target|², over draws: rows."""
    return torch.linalg.lstsq(given, target).solution.mT


@pytest.mark.parametrize("alpha", [0.5, 1.0])
def test_the_minimiser_is_that_of_noiseless_targets(alpha, rng):
    """Millard and Chiew's theorem, with their correction made in the target: for all linear answers to Gaussian data.

    The 30,000 channels are draws, which share Λ. Noisy targets, y itself, lead elsewhere on Θ.
    """
    entries, draws, sigma = 5, 30_000, 0.8
    mix = torch.randn(entries, entries, dtype=torch.float64, generator=rng)
    x = torch.randn(draws, entries, dtype=torch.float64, generator=rng) @ mix
    y = x + sigma * torch.randn(x.shape, dtype=x.dtype, generator=rng)
    batch = Measurement(y=y[None], operator=Identity(), noise=Gaussian(sigma))
    given, held = Recorrupted(RandomSampling(0.4), alpha)(batch, rng)
    seen = given.operator.acquired[0, 0]
    answer = regression(given.y[0][:, seen], held.y[0])
    supervised = regression(given.y[0][:, seen], x)
    naive = regression(given.y[0][:, seen], y)
    assert (answer - supervised).abs().max() < 0.04
    assert (naive - supervised)[seen].abs().max() > 0.1


def test_the_further_noise_is_uncorrelated_with_that_of_the_target(rng):
    batch = Measurement(y=torch.zeros(1, 50_000, 4), operator=Identity(), noise=Gaussian(2.0))
    batch = batch.with_y(2 * torch.randn(batch.y.shape, generator=rng))
    given, held = Recorrupted(RandomSampling(0.5), 0.7)(batch, rng)
    covariance = (given.y * held.y).mean(1)[0]
    assert covariance.abs().max() < 0.15
    assert abs(held.y[..., given.operator.acquired[0, 0]].var() - 4 * (1 + 1 / 0.49)) < 0.2


def test_what_was_not_measured_is_neither_given_nor_held(slices):
    data = slices.recording
    given, held = Recorrupted(RandomSampling(0.4, centre=4))(data, torch.Generator().manual_seed(0))
    outside = ~data.operator.acquired.expand_as(data.y)
    assert not given.y[outside].any()
    assert not held.weight.expand_as(data.y)[outside].any()
    hidden = data.operator.acquired & ~given.operator.acquired
    assert torch.equal(held.y[hidden.expand_as(data.y)], data.y[hidden.expand_as(data.y)])


def test_the_edge_of_k_space_tells_the_noise(rng):
    operator = Sense(birdcage_coils(4, (64, 64)), gaussian_points((64, 64), 3, 8, rng))
    y = operator(random_brain(64, rng))
    data = Measurement(y=y + 0.1 * torch.randn(y.shape, dtype=y.dtype, generator=rng), operator=operator)
    found = outer_deviation(data)
    assert found.shape == (1, 4, 1, 1)
    assert found.mean() == pytest.approx(0.1, rel=0.1)
    assert torch.allclose(outer_deviation(data.with_y(7 * data.y)), 7 * found)


def test_a_few_steps_come_nearer_to_the_truth(slices, built, learn, error):
    method = built("robust_ssdu", slices.recording)
    before = error(method)
    learn(method, [slices.recording], 20)
    assert error(method) < 0.95 * before


def test_unknown_noise_that_is_not_of_k_space_is_refused(built):
    data = Measurement(y=torch.ones(1, 1, 8, 8), operator=Identity())
    with pytest.raises(InputError, match="sigma="):
        built("robust_ssdu", data, preset="lite")
    built("robust_ssdu", data, preset="lite", sigma=0.1)
