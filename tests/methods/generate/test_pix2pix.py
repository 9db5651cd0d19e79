import pytest
import torch
import torch.nn.functional as F

from pellucid.data.measurement import Paired
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.methods.generate.pix2pix import pix2pix
from pellucid.objectives import Objective
from pellucid.objectives.conditional import absolute, spectral
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.operators import Identity
from pellucid.training import Plan, fit

SHAPE = (1, 16, 16)


class Blurred:
    """Draws mosaics, and what a mean over nine pixels and noise leave of them."""

    def draw(self, step):
        rng = step.rng
        x = torch.rand(8, 1, 4, 4, generator=rng).repeat_interleave(4, 2).repeat_interleave(4, 3)
        y = F.avg_pool2d(F.pad(x, [1] * 4, mode="reflect"), 3, 1)
        return Paired(y=y + 0.2 * torch.randn(y.shape, generator=rng), truth=x, operator=Identity())


class Supervised(Objective):
    """100 E|x − G y|."""

    def terms(self, model, batch, step):
        return {"error": 100 * (batch.truth - model(batch)).abs().mean()}


def made(**given):
    return pix2pix(SHAPE, torch.Generator().manual_seed(0), features=4, depth=1, rate=4e-3, **given)


def plan(method, steps, **more):
    return Plan(steps=steps, optimisers=method.optimisers, **more)


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_without_its_critic_it_is_supervised_learning():
    """To the bit: the same network, the same batches, the same steps."""
    alone, reference = made(adversarial=0.0), made()
    assert [turn.name for turn in alone.objective.turns(alone.model)] == ["model"]
    fit(alone.model, alone.objective, Blurred(), plan(alone, 5))
    fit(reference.model, Supervised(), Blurred(), plan(reference, 5))
    assert same(alone.model, reference.model)


@pytest.mark.parametrize("divergence", ["gan", "least_squares", "wasserstein"])
@pytest.mark.parametrize("content", [absolute, spectral])
def test_the_content_and_the_critic_that_are_asked_for_count_by_their_weights(content, divergence, rng):
    method = made(content=content.__name__, divergence=divergence, adversarial=3.0)
    step, turns = Step(0, 0.0, rng), method.objective.turns(method.model)
    batch = Blurred().draw(step)
    image = method.model(batch)
    generator = DIVERGENCES[divergence].generator_loss(method.objective.critic(torch.cat([image, batch.y], 1)))
    expected = {"content": 100 * content(batch.truth, image), "generator": 3 * generator}
    torch.testing.assert_close(turns[1].terms(batch, step), expected)
    assert ("penalty" in turns[0].terms(batch, step)) == (divergence == "wasserstein")


@pytest.mark.parametrize("given", [{}, {"divergence": "wasserstein"}, {"content": "spectral"}])
def test_it_is_nearer_to_the_truth_than_what_it_is_given(given, rng):
    method = made(**given)
    fit(method.model, method.objective, Blurred(), plan(method, 100))
    unseen = Blurred().draw(Step(0, 0.0, rng))
    with torch.no_grad():
        error = (method.model(unseen) - unseen.truth).square().mean()
    assert error < 0.8 * (unseen.y - unseen.truth).square().mean()


def test_interrupted_and_resumed_is_uninterrupted(tmp_path):
    kept = tmp_path / "state"
    whole, first, rest = (made() for _ in range(3))
    fit(whole.model, whole.objective, Blurred(), plan(whole, 8))
    asked = iter(range(9))
    stop = {"cancel": lambda: next(asked) == 4}
    history = fit(first.model, first.objective, Blurred(), plan(first, 8, checkpoint=kept), **stop)
    assert history.status == "cancelled"
    fit(rest.model, rest.objective, Blurred(), plan(rest, 8), resume=kept)
    assert same(whole.model, rest.model)
    assert same(whole.objective, rest.objective)


def test_the_same_seed_gives_the_same_map():
    found = [made() for _ in range(2)]
    for method in found:
        fit(method.model, method.objective, Blurred(), plan(method, 3))
    assert same(found[0].model, found[1].model)


def test_what_no_critic_can_judge_is_refused():
    with pytest.raises(InputError, match="too small to be judged"):
        pix2pix((1, 12, 16), torch.Generator())
