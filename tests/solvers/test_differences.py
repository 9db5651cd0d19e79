import pytest
import torch

from pellucid.solvers import lipschitz
from pellucid.solvers.differences import divergence, gradient


@pytest.mark.parametrize("shape", [(2, 1, 5, 6), (2, 2, 3, 4, 5), (1, 1, 1, 4), (1, 1, 7)])
def test_divergence_is_the_negative_adjoint(shape, rng):
    x = torch.randn(shape, dtype=torch.complex128, generator=rng)
    p = torch.randn(gradient(x).shape, dtype=torch.complex128, generator=rng)
    assert torch.allclose((gradient(x).conj() * p).sum(), -(x.conj() * divergence(p)).sum())


def test_a_ramp_has_its_slope_and_the_border_none():
    x = torch.arange(4.0).expand(1, 1, 3, 4)
    assert gradient(x)[0, 1, 0, 0].tolist() == [1, 1, 1, 0]
    assert not gradient(x)[0, 0].any()


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_norm_is_below_that_of_the_infinite_grid(dims):
    x = torch.zeros(1, 1, *[12] * dims, dtype=torch.float64)
    norm = lipschitz(lambda v: -divergence(gradient(v)), x, iterations=300)
    assert 0.9 * 4 * dims < float(norm) < 4 * dims
