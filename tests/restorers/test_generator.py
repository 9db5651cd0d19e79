import torch
from torch import nn

from pellucid.restorers.generator import Pushforward


def test_draws_are_what_the_network_makes_of_gaussian_codes(rng):
    network = nn.Sequential(nn.Linear(3, 4), nn.Unflatten(1, (1, 4)))
    drawn = Pushforward(network, 3).sample(40_000, rng).squeeze(1)
    mean, covariance = network[0].bias, network[0].weight @ network[0].weight.T
    torch.testing.assert_close(drawn.mean(0), mean, atol=0.02, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), covariance, atol=0.03, rtol=0)


def test_draws_follow_from_the_generator():
    generator = Pushforward(nn.Linear(2, 3), 2)
    one, again, other = (generator.sample(5, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
