import torch
from torch import nn

from pellucid.networks import Residual, UNet


def test_input_is_added_to_the_first_outputs_only(rng):
    inner = nn.Conv2d(2, 4, 3, padding=1)
    x = torch.randn(1, 2, 5, 5, generator=rng)
    out, f = Residual(inner)(x), inner(x)
    torch.testing.assert_close(out[:, :2], x + f[:, :2])
    assert torch.equal(out[:, 2:], f[:, 2:])


def test_stride_is_that_of_the_network():
    assert Residual(UNet((1, 1), features=2, depth=3)).stride == (8, 8)
