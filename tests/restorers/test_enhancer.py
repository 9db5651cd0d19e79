import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pellucid.data.measurement import Measurement
from pellucid.networks import Residual, UNet, initialise
from pellucid.operators import Identity
from pellucid.restorers import Enhancer


def test_outputs_are_moments_of_channels(rng):
    network = nn.Conv2d(3, 6, 1)
    given = Measurement(y=torch.randn(2, 3, 5, 4, generator=rng), operator=Identity())
    out = network(given.y)
    moments = Enhancer(network, 2).explain(given)
    assert moments.shape == (2, 2, 3, 5, 4)
    torch.testing.assert_close(moments[:, 0], out[:, :3])
    torch.testing.assert_close(moments[:, 1], F.softplus(out[:, 3:]) + 1e-4)


def test_variance_is_positive_however_sure_the_network_is(rng):
    network = nn.Conv2d(1, 2, 1)
    nn.init.constant_(network.bias, -200.0)
    image, spread = Enhancer(network, 2).estimate(Measurement(y=torch.zeros(1, 1, 4, 4), operator=Identity()))
    assert spread.min().item() == pytest.approx(1e-2)
    assert image.shape == spread.shape


def test_one_moment_is_the_network_itself(rng):
    network = initialise(UNet((2, 2), features=2), rng)
    given = Measurement(y=torch.randn(1, 2, 8, 8, generator=rng), operator=Identity())
    assert torch.equal(Enhancer(network)(given), network(given.y))
    assert Enhancer(network).estimate(given)[1] is None


def test_stride_is_that_of_the_network():
    assert Enhancer(UNet((1, 1), dims=3, features=2, depth=2, pool=(1, 2, 2))).stride(3) == (1, 4, 4)
    for network in (nn.Conv2d(1, 1, 3), Residual(nn.Conv2d(1, 1, 3))):
        assert Enhancer(network).stride(2) == (1, 1)
