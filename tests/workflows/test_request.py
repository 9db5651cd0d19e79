from pathlib import Path

import pytest

from pellucid.errors import InputError
from pellucid.workflows.request import Request
from pellucid.workflows.scan_model import Facts, ScanModel


@pytest.fixture
def saved(tmp_path):
    facts = Facts(modality="mri", method="ssdu", settings={"preset": "lite"}, is_complex=True, dims=2)
    return ScanModel(facts=facts, weights={}).save(tmp_path / "m.zip")


def test_what_is_asked_for_is_known():
    assert Request(modality="mri", method="auto").learns
    assert Request(modality="mri", method="ssdu").learns
    assert not Request(modality="mri", method="cg").learns
    assert not Request(modality="mri").learns


def test_a_model_is_used_gone_on_from_or_a_denoiser(saved):
    used, ssdu, pnp = (Request(modality="mri", method=name, model=saved) for name in (None, "ssdu", "pnp"))
    assert (used.applies, ssdu.applies, pnp.applies) == (True, True, False)
    assert used.check().facts.method == "ssdu"
    assert ssdu.check().facts.method == "ssdu"
    assert pnp.check() is None


def test_the_budget_is_time_or_steps():
    assert Request(modality="mri").options.seconds == 600
    assert Request(modality="mri", seconds=5).options.seconds == 5
    assert Request(modality="mri", steps=5).options.seconds is None


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"method": "auto", "settings": {"a": "1"}}, "Settings belong to one method"),
        ({"train": Path("set")}, "--train is for a training, but the usual method is not trained"),
        ({"method": "cg", "seconds": 5.0}, "--budget is for a training, but cg is not trained"),
        ({"method": "tv", "steps": 5}, "--steps is for a training, but tv is not trained"),
        ({"method": "ssdu", "settings": {"depth": "1"}}, "ssdu has no setting depth"),
        ({"model": Path("nowhere.zip")}, "There is no model nowhere.zip"),
        ({"method": "ot_cyclegan"}, "ot_cyclegan learns from clean images of other objects: add --clean FOLDER"),
        ({"method": "ssdu", "clean": Path("set")}, "--clean is for methods that learn from clean images"),
        ({"method": "ot_cyclegan", "clean": Path("nowhere")}, "nowhere does not exist"),
        ({"method": "supervised_unrolled"}, "needs more than a scan"),
    ],
)
def test_what_does_not_go_together_is_told(given, sentence):
    with pytest.raises(InputError, match=sentence):
        Request(**{"modality": "mri"} | given).check()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"steps": 5}, "--steps is for a training, but a model is used as it is"),
        ({"settings": {"preset": "paper"}, "method": "ssdu"}, "has its settings already"),
        ({"method": "noise2inverse"}, "is a model of ssdu, not of noise2inverse"),
        ({"method": "cg"}, "is a model of ssdu, not of cg"),
        ({"method": "auto"}, "--method auto trains a network of its own"),
    ],
)
def test_a_model_that_does_not_go_with_it_is_told(given, sentence, saved):
    with pytest.raises(InputError, match=sentence):
        Request(**{"modality": "mri", "model": saved} | given).check()
