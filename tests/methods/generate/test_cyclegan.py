import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.data.unpaired import Cuts
from pellucid.errors import InputError
from pellucid.methods.generate.cyclegan import cyclegan
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.operators import Identity
from pellucid.training import Plan, fit

SHAPE = (1, 16, 16)


@pytest.fixture
def draws(rng):
    """Return dim mosaics, and bright ones of others."""

    def mosaics():
        return torch.rand(32, 1, 4, 4, generator=rng).repeat_interleave(4, 2).repeat_interleave(4, 3)

    return Cuts([Measurement(y=0.5 * mosaics() - 1, operator=Identity())], [mosaics()], (16, 16), batch=4)


def made(**given):
    return cyclegan(SHAPE, torch.Generator().manual_seed(0), features=4, depth=1, **given)


def plan(method, steps, **more):
    return Plan(steps=steps, optimisers=method.optimisers, **more)


def test_both_maps_are_deep_and_each_has_a_critic_with_a_pool():
    method = made()
    assert [turn.name for turn in method.objective.turns(method.model)] == ["critic", "model"]
    assert sum(p.numel() for p in method.model.way.parameters()) == sum(
        p.numel() for p in method.model.restorer.parameters()
    )
    pools = [critic.pool for critic in (method.objective.images, method.objective.recordings)]
    assert [tuple(pool.kept.shape) for pool in pools] == [(50, *SHAPE)] * 2


@pytest.mark.parametrize("divergence", ["least_squares", "wasserstein"])
def test_the_maps_heed_both_critics_and_leave_what_is_of_their_kind(divergence, draws, rng):
    method = made(divergence=divergence, identity=2.0)
    step, objective, generator = Step(0, 0.0, rng), method.objective, DIVERGENCES[divergence].generator_loss
    batch = draws.draw(step)
    x, y, back, there = batch.images, batch.y, method.model.way, method.model.restorer.network
    expected = {
        "images": generator(objective.images(there(y))),
        "recordings": generator(objective.recordings(back(x))),
        "identity": 2 * (x - there(x)).abs().mean(),
        "identity_back": 2 * (y - back(y)).abs().mean(),
    }
    found, told = objective.terms(method.model, batch, step), objective.critic_terms(method.model, batch, step)
    torch.testing.assert_close({name: found[name] for name in expected}, expected)
    assert ({"image_penalty", "recording_penalty"} <= set(told)) == (divergence == "wasserstein")


@pytest.mark.parametrize("divergence", ["least_squares", "wasserstein"])
def test_it_learns_to_look_like_the_other_kind(divergence, draws):
    method = made(divergence=divergence, rate=4e-3)

    def off():
        with torch.no_grad():
            (given,), (x,) = draws.recordings, draws.images
            y, there, back = given.y, method.model(given), method.model.way(x)
            cycle = (y - method.model.way(there)).abs().mean()
            apart = [
                (a.flatten().sort().values - b.flatten().sort().values).abs().mean() for a, b in ((there, x), (back, y))
            ]
        return float(cycle), float(sum(apart))

    before = off()
    history = fit(method.model, method.objective, draws, plan(method, 120))
    assert history.status == "done"
    assert all(now < 0.5 * then for now, then in zip(off(), before, strict=True))


def test_interrupted_and_resumed_is_uninterrupted(draws, tmp_path):
    """Both players, both optimisers, the running mean, what the critics remember: to the bit."""
    kept = tmp_path / "state"
    whole, first, rest = (made(pool=6) for _ in range(3))
    fit(whole.model, whole.objective, draws, plan(whole, 8))
    asked = iter(range(9))
    history = fit(first.model, first.objective, draws, plan(first, 8, checkpoint=kept), cancel=lambda: next(asked) == 4)
    assert history.status == "cancelled"
    fit(rest.model, rest.objective, draws, plan(rest, 8), resume=kept)
    for one, other in ((whole.model, rest.model), (whole.objective, rest.objective)):
        assert all(
            torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
        )
    assert bool(whole.objective.images.pool.kept.any())


def test_what_is_not_a_number_ends_it_with_the_last_good_weights(draws, tmp_path):
    """An image turns into NaN after the first evaluation: both players are lost, but neither best weights nor state."""
    method, again, whole, kept = made(), made(), made(), tmp_path / "state"

    class Spoilt:
        def draw(self, step):
            batch = draws.draw(step)
            return batch.with_y(batch.y * torch.nan) if step.index == 101 else batch

    told = plan(method, 103, checkpoint=kept, checkpoint_seconds=0.0)
    history = fit(method.model, method.objective, Spoilt(), told)
    assert (history.status, history.best) == ("diverged", 100)
    assert all(bool(p.isfinite().all()) for p in method.model.parameters())
    assert fit(again.model, again.objective, draws, plan(again, 103), resume=kept).status == "done"
    fit(whole.model, whole.objective, draws, plan(whole, 103))
    assert all(torch.equal(a, b) for a, b in zip(again.model.parameters(), whole.model.parameters(), strict=True))


def test_the_same_seed_gives_the_same_maps(draws):
    found = []
    for _ in range(2):
        method = made()
        fit(method.model, method.objective, draws, plan(method, 3))
        with torch.no_grad():
            found.append(method.model(*draws.recordings))
    assert torch.equal(*found)


def test_what_no_critic_can_judge_is_refused():
    with pytest.raises(InputError, match="too small to be judged"):
        cyclegan((1, 12, 16), torch.Generator())
