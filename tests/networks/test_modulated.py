import pytest
import torch
from torch import nn

from pellucid.networks import UNet, initialise
from pellucid.networks.modulated import ModulatedUNet


@pytest.mark.parametrize("dims", [2, 3])
def test_without_modulation_it_is_the_u_net(dims, rng):
    network = initialise(ModulatedUNet((1, 2), dims=dims, features=2), rng)
    plain = UNet((1, 2), dims=dims, features=2, blur_pool=False, top_skip=True)
    plain.load_state_dict(network.state_dict(), strict=False)
    for p in network.told[-1].parameters():
        nn.init.zeros_(p)
    x = torch.randn(2, 1, *[8] * dims, generator=rng)
    torch.testing.assert_close(network(x, torch.randn(2, 1, generator=rng)), plain(x))


def test_each_image_is_told_its_own_number(rng):
    network = initialise(ModulatedUNet((1, 1), features=2), rng)
    x, numbers = torch.randn(1, 1, 8, 8, generator=rng).expand(2, 1, 8, 8), torch.tensor([[0.0], [1.0]])
    one, other = network(x, numbers).detach()
    assert float((one - other).abs().mean()) > 0.01
    torch.testing.assert_close(network(x[:1], numbers[1:])[0].detach(), other, rtol=1e-4, atol=1e-4)
