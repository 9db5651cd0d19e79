import torch

from pellucid.data.measurement import Measurement
from pellucid.networks import initialise
from pellucid.networks.autoencoder import Autoencoder
from pellucid.operators import Identity
from pellucid.restorers.variational import Variational


def model(rng, draws=4):
    network = initialise(Autoencoder(1, 3, features=4), rng)
    network.start()
    return Variational(network, draws)


def test_mean_and_spread_are_those_of_the_draws(rng):
    given = Measurement(y=torch.randn(1, 1, 16, 16, generator=rng), operator=Identity())
    sampler = model(rng)
    mean, spread = sampler.estimate(given, torch.Generator().manual_seed(5))
    same = torch.Generator().manual_seed(5)
    draws = torch.stack([sampler.draw(given, same) for _ in range(4)])
    torch.testing.assert_close(mean, draws.mean(0))
    torch.testing.assert_close(spread, draws.std(0), rtol=1e-3, atol=1e-5)


def test_images_of_a_batch_are_drawn_alone(rng):
    given = Measurement(y=torch.randn(3, 1, 16, 16, generator=rng), operator=Identity())
    sampler = model(rng)
    torch.testing.assert_close(sampler(given)[2:], sampler(given.with_y(given.y[2:])))


def test_without_a_generator_it_repeats(rng):
    given = Measurement(y=torch.randn(1, 1, 16, 16, generator=rng), operator=Identity())
    sampler = model(rng)
    assert torch.equal(sampler(given), sampler(given))
    assert not torch.equal(sampler.draw(given, rng), sampler.draw(given, rng))


def test_the_stride_is_that_of_the_network(rng):
    assert model(rng).stride(2) == (4, 4)


def test_many_draws_of_the_same_data_encode_them_once(rng):
    given = Measurement(y=torch.randn(2, 1, 16, 16, generator=rng), operator=Identity())
    sampler, encoded = model(rng), []
    sampler.network.levels[-1].seen.register_forward_hook(lambda *_: encoded.append(1))
    draw = sampler.posterior(given)
    draws = [draw(torch.Generator().manual_seed(k)) for k in range(3)]
    assert len(encoded) == 1
    assert all(torch.equal(x, sampler.draw(given, torch.Generator().manual_seed(k))) for k, x in enumerate(draws))
    encoded.clear()
    sampler.estimate(given)
    assert len(encoded) == 2
