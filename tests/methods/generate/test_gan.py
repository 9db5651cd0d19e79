import pytest
import torch
import torch.nn.functional as F

from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.methods.generate.gan import gan
from pellucid.networks.spectral import unit_norms
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


@pytest.mark.parametrize("loss", ["gan", "least_squares", "hinge"])
def test_the_critic_has_the_loss_that_is_asked_for(loss, rng):
    method, batch = made(loss=loss), Bright().draw(Step(0, 0.0, rng))
    critic, draws = method.objective.critic, method.model.sample(16, torch.Generator().manual_seed(1))
    found = method.objective.critic_terms(method.model, batch, Step(0, 0.0, torch.Generator().manual_seed(1)))
    torch.testing.assert_close(-found["critic"], DIVERGENCES[loss].bound(critic(batch.y), critic(draws)))


def test_the_layers_of_a_spectral_critic_have_norm_one(rng):
    y = torch.randn(4, *SHAPE, generator=rng)
    plain, spectral = (made(spectral=given).objective.critic.eval() for given in (False, True))
    assert not torch.allclose(spectral(y), plain(y))
    torch.testing.assert_close(spectral(y), unit_norms(plain)(y))


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
