import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.source import Fixed
from pellucid.data.unpaired import Draws
from pellucid.errors import InputError
from pellucid.methods.generate.ot_cyclegan import ot_cyclegan
from pellucid.noise import Gaussian
from pellucid.objectives.transport import ForwardRisk
from pellucid.operators import Blur
from pellucid.training import Plan, Validation, fit


def mosaics(count, rng):
    """Return images of squares of four by four pixels."""
    return torch.rand(count, 1, 4, 4, generator=rng).repeat_interleave(4, 2).repeat_interleave(4, 3)


@pytest.fixture
def case(rng):
    """Return images, and recordings of others through a blur."""
    psf = torch.exp(-((torch.arange(7.0) - 3) ** 2) / 4.5)
    operator = Blur((psf[:, None] * psf / psf.sum() ** 2)[None, None], "reflect")
    images, truth = mosaics(32, rng), mosaics(32, rng)
    noise = Gaussian(0.02)
    return images, truth, Measurement(y=noise.sample(operator(truth), rng), operator=operator, noise=noise)


def built(operator, **given):
    return ot_cyclegan((1, 16, 16), operator, rng=torch.Generator().manual_seed(0), features=8, depth=1, **given)


@pytest.mark.parametrize("adversarial", [0.0, 0.1])
def test_it_deblurs_recordings_of_objects_whose_images_it_never_saw(case, adversarial):
    images, truth, recorded = case
    made = built(recorded.operator, adversarial=adversarial, rate=8e-3)
    judge = Validation(objective=ForwardRisk(), source=Fixed(recorded), interval=25)
    plan = Plan(steps=100, optimisers=made.optimisers)
    history = fit(made.model, made.objective, Draws(recorded, images), plan, validation=judge)
    with torch.no_grad():
        restored = made.model(recorded)
    assert (restored - truth).square().mean() < 0.9 * (recorded.y - truth).square().mean()
    assert history.lowest < history.rows[0]["validation"]


def test_a_blind_kernel_is_found(case):
    images, _, recorded = case
    made = built(None, adversarial=1.0, width=7, rate=4e-3)
    fit(made.model, made.objective, Draws(recorded, images, batch=16), Plan(steps=100, optimisers=made.optimisers))
    found, psf = made.model.way.kernel.detach(), recorded.operator.psf[0, 0]
    assert torch.corrcoef(torch.stack([found.flatten(), psf.flatten()]))[0, 1] > 0.8


def test_a_known_instrument_has_no_critic_of_recordings_and_the_cycle_alone_none(case):
    operator = case[2].operator
    assert built(operator).objective.recordings is None
    alone = built(operator, adversarial=0.0)
    assert [turn.name for turn in alone.objective.turns(alone.model)] == ["model"]
    assert built(None).objective.recordings is not None


def test_the_same_seed_gives_the_same_maps(case):
    images, _, recorded = case
    found = []
    for _ in range(2):
        made = built(None)
        fit(made.model, made.objective, Draws(recorded, images), Plan(steps=3, optimisers=made.optimisers))
        with torch.no_grad():
            found.append(made.model(recorded))
    assert torch.equal(*found)


def test_what_cannot_be_learned_is_refused(case):
    with pytest.raises(InputError, match="by the critic of recordings"):
        built(None, adversarial=0.0)
    with pytest.raises(InputError, match="too small to be judged"):
        ot_cyclegan((1, 12, 16), case[2].operator, rng=torch.Generator())
