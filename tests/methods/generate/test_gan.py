import pytest
import torch
import torch.nn.functional as F

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods.generate.gan import gan
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.operators import Identity
from pellucid.training import Plan, fit

SHAPE = (1, 8, 8)


class Bright:
    """Images of independent pixels, N(1, 0.3²)."""

    def draw(self, step):
        return Measurement(y=1 + 0.3 * torch.randn(16, *SHAPE, generator=step.rng), operator=Identity())


def made(seed=0, **given):
    return gan(SHAPE, torch.Generator().manual_seed(seed), **given)


def off(method):
    """Return how far the mean of the draws is from the images, as mean square."""
    with torch.no_grad():
        return float((method.model.sample(256, torch.Generator().manual_seed(1)).mean(0) - 1).square().mean())


def trained(method, steps, **more):
    return fit(method.model, method.objective, Bright(), Plan(steps=steps, optimisers=method.optimisers), **more)


def test_the_losses_are_those_of_the_papers(rng):
    real, fake = torch.randn(2, 50, 1, generator=rng)
    ones, zeros = torch.ones(50, 1), torch.zeros(50, 1)
    cross = F.binary_cross_entropy_with_logits
    squares = ((real - 1).square().mean() + fake.square().mean()) / 2
    for name, expected in {
        "gan": (cross(real, ones) + cross(fake, zeros), cross(fake, ones)),
        "least_squares": (squares, (fake - 1).square().mean() / 2),
        "hinge": ((1 - real).clamp(min=0).mean() + (1 + fake).clamp(min=0).mean(), -fake.mean()),
    }.items():
        loss = DIVERGENCES[name]
        torch.testing.assert_close((-loss.bound(real, fake), loss.generator_loss(fake)), expected)


@pytest.mark.parametrize(("loss", "spectral"), [("gan", True), ("hinge", True)])
def test_the_draws_come_nearer_to_the_images(loss, spectral):
    method = made(loss=loss, spectral=spectral)
    before = off(method)
    assert trained(method, 200).status == "done"
    assert off(method) < 0.3 * before


def test_a_seed_repeats_to_the_bit():
    one, again, other = made(0), made(0), made(1)
    for method in (one, again, other):
        trained(method, 3)
    assert off(one) == off(again) != off(other)


def test_an_unknown_loss_is_named():
    with pytest.raises(InputError, match="'log' of a GAN; choose one of gan, least_squares, hinge"):
        made(loss="log")
