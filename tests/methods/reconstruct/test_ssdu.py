import pytest
import torch

from pellucid.data.source import Fixed
from pellucid.errors import InputError
from pellucid.objectives import HeldOut, normalised_l1_l2
from pellucid.operators import Sampling
from pellucid.training import Plan, fit


def test_a_few_steps_predict_hidden_samples_better(spectrum, built):
    data = type(spectrum)(y=spectrum.y.to(torch.complex64), operator=spectrum.operator)
    method = built("ssdu", data, preset="lite")
    (stage,) = method.stages
    judge = HeldOut(method.split, normalised_l1_l2)

    def risk():
        step = type("Step", (), {"rng": torch.Generator().manual_seed(0), "index": 0, "progress": 1.0})
        with torch.no_grad():
            return float(judge.terms(method.restorer, data, step)["held_out"])

    before = risk()
    given, _ = method.split(data, torch.Generator().manual_seed(0))
    fit(stage.model, stage.objective, Fixed(given), Plan(steps=30, optimisers={"model": stage.adam}))
    assert risk() < 0.95 * before


def test_too_few_samples_are_refused(spectrum, built):
    keep = torch.zeros(1, 1, 32, 32)
    keep[..., 14:19, 14:19] = 1
    with pytest.raises(InputError, match="cannot be held out"):
        built("ssdu", type(spectrum)(y=spectrum.y * keep, operator=Sampling(keep) @ spectrum.operator), fraction=0.95)
