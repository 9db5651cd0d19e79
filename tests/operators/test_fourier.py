import pytest
import torch

from pellucid.operators.fourier import Fourier
from pellucid.testing import assert_adjoint


@pytest.mark.parametrize("space", [(6,), (6, 5), (4, 3, 5)])
def test_it_keeps_the_contract_whole_and_sampled(space, rng):
    assert_adjoint(Fourier(len(space)), (2, 2, *space), rng)
    mask = torch.rand(2, 1, *space, generator=rng) > 0.5
    assert_adjoint(Fourier(len(space)).restrict(mask), (2, 2, *space), rng)


def test_a_centred_gaussian_is_its_own_transform():
    n = 64
    axis = torch.arange(n, dtype=torch.float64) - n // 2
    bell = torch.exp(-torch.pi * axis**2 / n)
    image = (bell[:, None] * bell)[None, None].to(torch.complex128)
    torch.testing.assert_close(Fourier(2)(image), image, atol=1e-12, rtol=0)
