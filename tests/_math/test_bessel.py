import pytest
import torch
from scipy import special

from pellucid._math.bessel import j0, j1, j1_over, j2

X = torch.cat([torch.zeros(1), torch.logspace(-6, 3, 400)]).double()


@pytest.mark.parametrize("order", [0, 1, 2])
def test_they_are_scipys(order):
    expected = torch.from_numpy(special.jv(order, X.numpy()))
    torch.testing.assert_close((j0, j1, j2)[order](X), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("function", [j0, j1, j2, j1_over])
def test_they_can_be_differentiated_twice(function):
    x = torch.tensor([0.0, 0.3, 2.0, 17.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, x)
    assert torch.autograd.gradgradcheck(function, x)
