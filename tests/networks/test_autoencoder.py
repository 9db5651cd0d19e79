import pytest
import torch

from pellucid.networks import initialise
from pellucid.networks.autoencoder import Autoencoder, certain, coded


@pytest.mark.parametrize("hierarchical", [False, True])
@pytest.mark.parametrize(("space", "pool"), [((16, 24), (2, 2)), ((5, 16, 8), (1, 2, 2))])
def test_the_image_is_as_large_as_the_data_and_the_codes_are_smaller_by_the_pooling(space, pool, hierarchical, rng):
    network = Autoencoder(2, 3, dims=len(space), features=4, pool=pool, hierarchical=hierarchical)
    image, divergences = initialise(network, rng)(torch.randn(1, 2, *space, generator=rng), rng)
    assert image.shape == (1, 2, *space)
    levels = (2, 1, 0) if hierarchical else (2,)
    sizes = [(1, 3, *(n // p**level for n, p in zip(space, pool, strict=True))) for level in levels]
    assert [tuple(divergence.shape) for divergence in divergences] == sizes
    assert network.stride == tuple(p**2 for p in pool)


def test_the_codes_start_near_their_priors(rng):
    network = initialise(Autoencoder(1, 3, features=4), rng)
    network.start()
    _, divergences = network(torch.randn(1, 1, 16, 16, generator=rng), rng)
    assert all(float(divergence.detach().mean()) < 1e-3 for divergence in divergences)


def test_nothing_bypasses_the_codes(rng):
    """With q at the prior, whatever is seen, the image does not depend on the data."""
    network = initialise(Autoencoder(1, 3, features=4), rng)
    for level in network.levels:
        torch.nn.init.zeros_(level.posterior.weight)
    with torch.no_grad():
        images = [network(y, torch.Generator().manual_seed(1))[0] for y in torch.randn(2, 1, 1, 16, 16, generator=rng)]
    assert torch.equal(*images)


def test_draws_and_divergence_are_those_of_the_gaussians(rng):
    prior, moved = 0.5 * torch.randn(2, 1, 4, 1, generator=rng)
    normal = torch.distributions.Normal
    (mean, log_sigma), (by, log_scale) = prior.chunk(2, 1), moved.chunk(2, 1)
    p = normal(mean, log_sigma.exp())
    q = normal(mean + log_sigma.exp() * by, (log_sigma + log_scale).exp())
    z, divergence = coded(prior.expand(100_000, 4, 1), moved.expand(100_000, 4, 1), rng)
    torch.testing.assert_close(divergence[:1], torch.distributions.kl_divergence(q, p))
    torch.testing.assert_close(z.mean(0, keepdim=True), q.mean, atol=0.02, rtol=0)
    torch.testing.assert_close(z.std(0, keepdim=True), q.stddev, atol=0, rtol=0.02)


def test_codes_that_are_certain_at_first_are_drawn_near_zero(rng):
    last = torch.nn.Linear(5, 6)
    before = last.weight.detach().clone()
    certain(last, -3.0)
    torch.testing.assert_close(last.weight, 0.1 * before)
    z, _ = coded(torch.zeros(100, 6), last(torch.zeros(100, 5)), rng)
    assert float(z.detach().std()) < 0.5
    assert last.bias[3:].tolist() == [-3.0] * 3
