"""The contracts must be able to fail."""

import pytest
import torch

from pellucid.noise import Gaussian, Poisson
from pellucid.operators import Identity, Sampling
from pellucid.testing import assert_adjoint, assert_normalised


class WrongAdjoint(Identity):
    def adjoint(self, y):
        return 2 * y


class NotLinear(Identity):
    def forward(self, x):
        return x + 1


class ForgetsTheBatch(Sampling):
    def __getitem__(self, rows):
        return Sampling(self.keep[:1])


class Doubles(Identity):
    def forward(self, x):
        return x.to(torch.complex128)


class TooWide(Gaussian):
    def variance(self, z):
        return 1.1 * super().variance(z)


class NotNormalised(Gaussian):
    def log_prob(self, y, z):
        return super().log_prob(y, z) + 0.01


class ZeroGradient(Poisson):
    def sample(self, z, rng):
        return super().sample(z.detach(), rng) + 0 * z


class Biased(Gaussian):
    def sample(self, z, rng):
        return super().sample(z, rng) + 0.1


@pytest.mark.parametrize(
    ("operator", "words"),
    [
        (WrongAdjoint(), "but <x, H"),
        (NotLinear(), "not linear"),
        (ForgetsTheBatch(torch.arange(1.0, 3.0).reshape(2, 1, 1, 1)), "differs from the batch"),
        (Doubles(), "single precision in"),
    ],
)
def test_a_broken_operator_is_caught(operator, words, rng):
    with pytest.raises(AssertionError, match=words):
        assert_adjoint(operator, (2, 1, 3, 4), rng)


@pytest.mark.parametrize(
    ("noise", "words"),
    [
        (TooWide(1.0), "variance"),
        (NotNormalised(1.0), "mass"),
        (Biased(1.0), "mean of the draws"),
    ],
)
def test_a_broken_density_is_caught(noise, words, rng):
    with pytest.raises(AssertionError, match=words):
        assert_normalised(noise, torch.tensor([1.0]).double(), torch.linspace(-9, 11, 401).double(), rng)


def test_a_sampler_with_a_silent_zero_gradient_is_caught(rng):
    with pytest.raises(AssertionError, match="gradient"):
        assert_normalised(ZeroGradient(), torch.tensor([3.0]).double(), torch.arange(60.0).double(), rng, discrete=True)
