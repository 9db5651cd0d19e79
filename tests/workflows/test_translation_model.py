import json

import pytest
import torch

from pellucid.errors import InputError
from pellucid.training import package
from pellucid.workflows.kinds import Look
from pellucid.workflows.translation_model import METHODS, Facts, TranslationModel

LOOK = Look(offset=700.0, scale=450.0, threshold=0.1, bright=True, channels=1)
CPU = torch.device("cpu")


def model(method="cyclegan", **settings):
    facts = Facts(method=method, settings={"features": 4, "depth": 1} | settings, side=16, source=LOOK, target=LOOK)
    return TranslationModel(facts=facts, made=facts.build(3), provenance={"seed": 3}, history="step\n1\n")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["m.pellucid", "m"])
def test_a_model_returns_from_its_file(method, name, tmp_path):
    first = model(method)
    found = TranslationModel.load(first.save(tmp_path / name), CPU)
    assert (found.facts, found.provenance, found.history) == (first.facts, first.provenance, first.history)
    weights, others = (m.made.model.state_dict() for m in (first, found))
    assert all(torch.equal(weights[k], others[k]) for k in weights)
    with pytest.raises(InputError, match="exists already"):
        first.save(tmp_path / name)


def test_the_seed_chooses_the_first_weights():
    facts = model().facts
    weights = [next(facts.build(seed).model.parameters()) for seed in (1, 1, 2)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_setting_that_is_none_is_refused():
    with pytest.raises(InputError, match="no setting colour"):
        model(colour="red")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"task": "reconstruct"}, "no model that translates"),
        ({"method": "magic"}, "no model that this version can read: method"),
        ({"settings": {"features": 8, "depth": 1}}, "weights that do not fit"),
        ({"side": 4}, "side"),
    ],
)
def test_what_is_no_such_model_is_refused(change, sentence, tmp_path):
    path = model().save(tmp_path / "m")
    texts, weights = package.load(path)
    texts["model.json"] = json.dumps(json.loads(texts["model.json"]) | change)
    package.save(tmp_path / "other", texts, weights)
    with pytest.raises(InputError, match=sentence):
        TranslationModel.load(tmp_path / "other", CPU)
