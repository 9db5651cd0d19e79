import pytest
import torch
from torch import nn

from pellucid.data.measurement import Measurement
from pellucid.data.sampling import RandomSampling
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.data.simulate.sampling import regular_lines
from pellucid.networks import ResNet
from pellucid.operators import Identity
from pellucid.operators.mri import Sense
from pellucid.restorers import Unrolled


def network(rng, channels=2):
    return ResNet(channels, features=4, blocks=1).initialise(rng)


def kspace(rng, mask=None, size=24):
    x = 1 + 0.2 * torch.randn(2, 1, size, size, dtype=torch.complex64, generator=rng)
    operator = Sense(birdcage_coils(4, (size, size)), mask)
    return x, Measurement(y=operator(x), operator=operator)


def test_with_the_identity_all_samples_and_no_noise_the_image_is_exact(rng):
    x, given = kspace(rng)
    found = Unrolled(nn.Identity(), unrolls=5)(given)
    torch.testing.assert_close(found, x, atol=1e-5, rtol=1e-5)


def test_a_scale_of_the_data_is_a_scale_of_the_image(rng):
    _, given = kspace(rng, regular_lines((24, 24), 2, 6))
    model = Unrolled(network(rng), unrolls=2)
    scale = torch.tensor([1e-6, 50.0]).view(2, 1, 1, 1)
    torch.testing.assert_close(model(given.with_y(scale * given.y)), scale * model(given), rtol=1e-4, atol=1e-8)


def test_samples_of_a_batch_are_alone(rng):
    _, given = kspace(rng, regular_lines((24, 24), 2, 6))
    model = Unrolled(network(rng), unrolls=2)
    one = Measurement(y=given.y[1:], operator=given.operator[1:])
    torch.testing.assert_close(model(given)[1:], model(one))


@pytest.mark.parametrize("density", ["uniform", "gaussian"])
def test_hidden_samples_do_not_reach_the_image(density, rng):
    _, batch = kspace(rng, regular_lines((24, 24), 2, 6))
    split = RandomSampling(0.4, density=density, centre=4)
    _, held = split(batch, torch.Generator().manual_seed(3))
    hidden = held.weight > 0
    other = batch.with_y(torch.where(hidden, 1e-2 * torch.randn_like(batch.y), batch.y))
    model = Unrolled(network(rng), unrolls=2)
    first, second = (model(split(b, torch.Generator().manual_seed(3))[0]) for b in (batch, other))
    assert torch.equal(first, second)


def test_the_channels_of_a_real_image_are_seen_one_by_one(rng):
    y = torch.randn(2, 3, 8, 8, generator=rng)
    model = Unrolled(network(rng, 1), unrolls=1)
    whole = model(Measurement(y=y, operator=Identity()))
    assert whole.shape == y.shape
    other = y.clone()
    other[:, 1] *= 0.5
    kept = model(Measurement(y=other, operator=Identity()))
    torch.testing.assert_close(kept[:, [0, 2]], whole[:, [0, 2]], rtol=1e-3, atol=1e-3)


def test_every_parameter_is_trained(rng):
    _, given = kspace(rng, regular_lines((24, 24), 2, 6))
    model = Unrolled([network(rng), network(rng)], unrolls=2)
    model(given).abs().square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in model.parameters())
