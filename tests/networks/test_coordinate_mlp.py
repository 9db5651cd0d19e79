import torch

from pellucid.networks import initialise
from pellucid.networks.coordinate_mlp import CoordinateMLP


def network(rng, **settings):
    made = initialise(CoordinateMLP(3, 2, features=16, waves=8, **settings), rng)
    made.start(rng)
    return made


def test_a_value_depends_on_its_own_place_and_code_only(rng):
    made = network(rng, dims=3)
    r, z = torch.randn(4, 10, 3, generator=rng), torch.randn(4, 3, generator=rng)
    values = made(r, z)
    assert values.shape == (4, 10, 2)
    torch.testing.assert_close(made(r[1:2, 3:5], z[1:2]), values[1:2, 3:5])


def test_it_learns_an_image_finer_than_its_axes(rng):
    made = network(rng, bandwidth=2.0)
    r = torch.rand(1, 400, 2, generator=rng) * 2 - 1
    wanted = torch.cos(6 * r).prod(-1, keepdim=True).expand(-1, -1, 2)
    optimiser = torch.optim.Adam(made.parameters(), lr=1e-2)
    for _ in range(100):
        optimiser.zero_grad()
        loss = (made(r, torch.zeros(1, 3)) - wanted).square().mean()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.2 * float(wanted.var())
