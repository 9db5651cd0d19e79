import pytest
import torch

from pellucid.networks import ResNet


@pytest.mark.parametrize(("dims", "tied"), [(2, True), (2, False), (3, True)])
def test_blocks_add_to_what_they_are_given(dims, tied, rng):
    network = ResNet(2, dims=dims, features=3, blocks=2, tied=tied).initialise(rng)
    x = torch.randn(2, 2, *[6] * dims, generator=rng)
    h = start = network.first(x)
    for inner, outer in zip(network.inner, network.inner if tied else network.outer, strict=True):
        h = h + 0.1 * outer(inner(h).clamp(min=0))
    torch.testing.assert_close(network(x), network.last(network.joined(h) + start))


def test_it_is_positively_homogeneous(rng):
    """Without biases a scale passes through: R(a x) = a R(x)."""
    network, x = ResNet(1, features=4, blocks=2).initialise(rng), torch.randn(1, 1, 8, 8, generator=rng)
    torch.testing.assert_close(network(3 * x), 3 * network(x))
