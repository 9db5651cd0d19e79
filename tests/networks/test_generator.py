import pytest
import torch

from pellucid.networks import initialise
from pellucid.networks.generator import Synthesis


@pytest.mark.parametrize("size", [(4, 5), (16, 16), (37, 20), (8, 9, 10)])
def test_the_image_has_the_size_that_was_asked_for(size, rng):
    network = initialise(Synthesis(6, 2, size, features=3), rng)
    assert network(torch.randn(2, 6, generator=rng)).shape == (2, 2, *size)


def test_samples_do_not_depend_on_their_batch(rng):
    network = initialise(Synthesis(6, 1, (16, 16), features=3), rng)
    z = torch.randn(4, 6, generator=rng)
    torch.testing.assert_close(network(z)[2:3], network(z[2:3]))


def test_no_pixel_is_painted_more_often_than_its_neighbour():
    """With equal weights throughout, what is made is flat away from its edges: no checkerboard."""
    network = Synthesis(1, 1, (32, 32), features=2)
    for weight in network.parameters():
        torch.nn.init.constant_(weight, 0.1)
    inner = network(torch.ones(1, 1)).detach()[..., 12:-12, 12:-12]
    assert float(inner.std() / inner.mean()) < 1e-5
