import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.methods.generate.w_gan import w_gan
from pellucid.networks.spectral import unit_norms
from pellucid.operators import Identity
from pellucid.training import Plan, fit

SHAPE = (1, 8, 8)


class Sides:
    """Images that are bright on the left or on the right."""

    def draw(self, step):
        left = (torch.rand(32, 1, 1, 1, generator=step.rng) < 0.5).float()
        side = (torch.arange(8) < 4).float()
        return Measurement(y=(left * side + (1 - left) * (1 - side)).expand(32, *SHAPE), operator=Identity())


def made(**given):
    return w_gan(SHAPE, torch.Generator().manual_seed(0), **given)


def plan(method, steps, **more):
    return Plan(steps=steps, optimisers=method.optimisers, **more)


def test_a_critic_moves_five_times_for_each_move_of_the_generator():
    method = made()
    assert [(turn.name, turn.repeats) for turn in method.objective.turns(method.model)] == [("critic", 5), ("model", 1)]
    assert method.objective.penalty == 10


def test_the_slope_of_the_critic_is_kept_by_a_penalty_or_by_layers_of_norm_one(rng):
    methods, step = [made(spectral=given) for given in (False, True)], Step(0, 0.0, rng)
    y = Sides().draw(step)
    plain, spectral = (method.objective.critic.eval() for method in methods)
    assert ["penalty" in m.objective.critic_terms(m.model, y, step) for m in methods] == [True, False]
    assert not torch.allclose(spectral(y.y), plain(y.y))
    torch.testing.assert_close(spectral(y.y), unit_norms(plain)(y.y))


@pytest.mark.parametrize("spectral", [False, True])
def test_the_draws_come_nearer_to_the_images(spectral):
    method = made(spectral=spectral)

    def off():
        with torch.no_grad():
            draws = method.model.sample(256, torch.Generator().manual_seed(1))
        return float((draws.mean(0) - 0.5).square().mean())

    before = off()
    history = fit(method.model, method.objective, Sides(), plan(method, 60))
    assert off() < 0.5 * before
    assert ("wasserstein" in history.rows[-1]) is not spectral  # of slopes far from one, it has no scale


@pytest.mark.parametrize("spectral", [False, True])
def test_interrupted_and_resumed_is_uninterrupted(spectral, tmp_path):
    """Both players, both optimisers, the running mean, the norms of layers: to the bit."""
    kept = tmp_path / "state"
    whole, first, rest = (made(spectral=spectral) for _ in range(3))
    fit(whole.model, whole.objective, Sides(), plan(whole, 8))
    asked = iter(range(9))
    history = fit(
        first.model, first.objective, Sides(), plan(first, 8, checkpoint=kept), cancel=lambda: next(asked) == 4
    )
    assert history.status == "cancelled"
    fit(rest.model, rest.objective, Sides(), plan(rest, 8), resume=kept)
    for one, other in ((whole.model, rest.model), (whole.objective, rest.objective)):
        for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
            assert torch.equal(a, b)
