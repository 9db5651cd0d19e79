import torch
from torch import nn

from pellucid.methods.generate.generative import Generative
from pellucid.objectives.adversarial import StatisticalDistance
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.training import Adam


def test_every_turn_has_an_optimiser_of_its_name():
    model, critic = nn.Linear(1, 1), nn.Linear(1, 1)
    objective = StatisticalDistance(critic, lambda model, batch, rng: model(torch.ones(1, 1)), DIVERGENCES["gan"])
    made = Generative(model=model, objective=objective, optimisers={"model": Adam(), "critic": Adam()})
    assert {turn.name for turn in made.objective.turns(made.model)} == set(made.optimisers)
