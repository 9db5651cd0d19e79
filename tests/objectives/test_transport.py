import pytest
import torch
from torch import nn

from pellucid.data.measurement import Measurement, Unpaired
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.networks import PatchCritic, initialise
from pellucid.noise import Gaussian
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.objectives.transport import ForwardRisk, OptimalTransport
from pellucid.operators import Diagonal, Identity
from pellucid.restorers import Enhancer, Regularised
from pellucid.restorers.transport import LearnedBlur, OwnInstruments, Transport
from pellucid.training import Adam, Plan, fit


class Gain(nn.Module):
    """y -> a y."""

    def __init__(self, gain=1.0):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain))

    def forward(self, y):
        return self.gain * y


class Halved:
    """Draws images of squares, and recordings of half the strength of others."""

    def draw(self, step: Step) -> Unpaired:
        x, other = (torch.rand(2, 8, 1, 1, 1, generator=step.rng) + 1) * torch.ones(1, 1, 1, 16, 16)
        return Unpaired(y=0.5 * x, images=other, operator=Identity())


def critic(rng):
    return initialise(PatchCritic(1, features=4, halvings=1), rng)


OPTIMISERS = {
    "critic": Adam(rate=5e-3, betas=(0.5, 0.9), warm_up=5),
    "model": Adam(rate=4e-2, betas=(0.5, 0.9), warm_up=5),
}


def test_a_known_instrument_has_no_critic_and_the_cycle_finds_its_inverse(rng):
    maps = Transport(Enhancer(Gain()), Diagonal(torch.tensor(0.5)))
    objective = OptimalTransport(critic(rng), None, DIVERGENCES["least_squares"])
    fit(maps, objective, Halved(), Plan(steps=120, optimisers=OPTIMISERS))
    assert maps.restorer.network.gain.item() == pytest.approx(2.0, abs=0.1)


def test_an_unknown_instrument_is_learned_by_its_critic(rng):
    """The cycle alone has a solution for every gain of F; the critics choose the right one."""
    maps = Transport(Enhancer(Gain(1.2)), Gain(0.8))
    objective = OptimalTransport(critic(rng), critic(rng), DIVERGENCES["least_squares"], cycle=(2.0, 2.0))
    fit(maps, objective, Halved(), Plan(steps=300, optimisers=OPTIMISERS))
    assert maps.way.gain.item() == pytest.approx(0.5, abs=0.12)
    assert maps.restorer.network.gain.item() == pytest.approx(2.0, abs=0.3)


def test_exact_maps_cost_nothing_but_the_critics(rng):
    maps = Transport(Enhancer(Gain(2.0)), Diagonal(torch.tensor(0.5)))
    step = Step(0, 0.0, rng)
    terms = OptimalTransport(critic(rng), None, DIVERGENCES["gan"], identity=1.0).terms(maps, Halved().draw(step), step)
    assert terms["cycle"].item() == pytest.approx(0, abs=1e-5)
    assert set(terms) == {"cycle", "images", "identity"}


def test_each_entry_keeps_its_instrument_there_and_back(rng):
    gains = torch.tensor([0.5, 3.0]).view(2, 1, 1, 1)
    undone = Regularised(lambda given, _: given.weight * given.y / given.operator(torch.ones_like(given.y)), 0.0)
    x, y = torch.rand(2, 2, 1, 8, 8, generator=rng)
    batch = Unpaired(y=y, images=x, operator=Diagonal(gains), weight=torch.tensor([1.0, 2.0]).view(2, 1, 1, 1))
    objective = OptimalTransport(None, None, DIVERGENCES["gan"], cycle=(1.0, 1.0))
    terms = objective.terms(OwnInstruments(undone), batch, Step(0, 0.0, rng))
    assert terms["cycle"].item() == pytest.approx((x[1].mean() + y[1].mean()).item() / 2)  # twice what it was


def test_each_way_there_and_back_has_its_weight(rng):
    maps = Transport(Enhancer(Gain(2.0)), Diagonal(torch.tensor(0.25)))
    batch = Halved().draw(Step(0, 0.0, rng))
    x, y = (0.5 * numbers.abs().mean().item() for numbers in (batch.images, batch.y))
    for weights in ((1.0, 0.0), (0.0, 1.0), (3.0, 0.1)):
        objective = OptimalTransport(None, None, DIVERGENCES["gan"], cycle=weights)
        found = objective.terms(maps, batch, Step(0, 0.0, rng))["cycle"].item()
        assert found == pytest.approx(weights[0] * x + weights[1] * y, rel=1e-5)


@pytest.mark.parametrize("kept", [0.0, 0.5, 1.0, 2.0])
def test_the_forward_risk_is_the_error_of_the_noiseless_recording(kept, rng):
    """G that keeps a part of the noise: the risk is its square, though the residual is least where all is kept."""
    noise, step = Gaussian(0.1), Step(0, 0.0, rng)
    given = Measurement(y=noise.sample(torch.ones(1, 1, 300, 300), rng), operator=Identity(), noise=noise)
    maps = Transport(Regularised(lambda batch, _: 1 + kept * (batch.y - 1), 0.0), Identity())
    assert float(ForwardRisk().terms(maps, given, step)["risk"]) == pytest.approx(kept**2, abs=0.05)


def test_what_does_not_fit_is_refused(rng):
    known, blind = (Transport(Enhancer(Gain()), way) for way in (Identity(), LearnedBlur(3)))
    with pytest.raises(InputError, match="instrument that is learned"):
        OptimalTransport(critic(rng), critic(rng), DIVERGENCES["gan"]).turns(known)
    with pytest.raises(InputError, match="instrument that is learned"):
        OptimalTransport(critic(rng), None, DIVERGENCES["gan"]).turns(blind)
    silent = Measurement(y=torch.zeros(1, 1, 16, 16), operator=Identity())
    with pytest.raises(InputError, match="give the noise model"):
        ForwardRisk().terms(known, silent, Step(0, 0.0, rng))
    paired = Measurement(y=torch.zeros(1, 1, 16, 16), operator=Identity())
    with pytest.raises(InputError, match="clean images of other objects"):
        OptimalTransport(critic(rng), None, DIVERGENCES["gan"]).terms(known, paired, Step(0, 0.0, rng))
