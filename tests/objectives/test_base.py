import torch
from torch import nn

from pellucid.data.measurement import Measurement
from pellucid.objectives import Objective
from pellucid.operators import Identity


class Difference(Objective):
    """A loss with a parameter of its own, and one that is frozen."""

    def __init__(self):
        super().__init__()
        self.level = nn.Parameter(torch.tensor(2.0))
        self.fixed = nn.Parameter(torch.tensor(1.0), requires_grad=False)

    def terms(self, model, batch, step):
        return {"difference": (model(batch.y) - self.level).square().mean(), "step": torch.tensor(float(step))}


def test_one_turn_over_what_may_change_is_the_default():
    model, objective = nn.Conv2d(1, 1, 1), Difference()
    model.bias.requires_grad_(False)
    (turn,) = objective.turns(model)
    assert (turn.name, turn.repeats) == ("model", 1)
    assert [id(p) for p in turn.parameters] == [id(model.weight), id(objective.level)]


def test_a_turn_minimises_the_terms_of_its_objective():
    model, objective = nn.Conv2d(1, 1, 1), Difference()
    batch = Measurement(y=torch.ones(1, 1, 2, 2), operator=Identity())
    (turn,) = objective.turns(model)
    found = turn.terms(batch, 3)
    assert found.keys() == {"difference", "step"}
    assert found["step"] == 3
    found["difference"].backward()
    assert objective.level.grad is not None
    assert objective.fixed.grad is None
