from dataclasses import replace

import pytest

from pellucid.methods import function
from pellucid.report.reconstruction import Score
from pellucid.workflows.contest import answer
from pellucid.workflows.reconstruction import told
from pellucid.workflows.scan_model import Facts, ScanModel
from pellucid.workflows.teaching import Taught

from .scans import recorded, toy


@pytest.fixture
def parts(tmp_path):
    opened = toy(recorded(tmp_path / "k.npy", slices=1))
    method = function("adjoint", "reconstruct")(opened.measurement, rng=None)
    restoration = answer(opened.measurement, method)
    return opened, opened.measurement, method, restoration, {"modality": "toy", "method": "adjoint"}


def score(name, error, *, chosen):
    return Score(
        method=name, error=error, error_se=0.01, relative_l2=error, relative_l2_se=0.01, seconds=1.0, chosen=chosen
    )


def test_without_a_comparison_nothing_is_said_of_one(parts):
    found = told(*parts)
    assert (found.summary["scores"], found.summary["warnings"], found.summary["steps"]) == ([], [], [])
    assert "predicts" not in found.summary["sentence"]
    assert found.model is None


def test_the_prediction_is_in_the_sentence(parts):
    found = told(*parts, scores=(score("adjoint", 0.25, chosen=True), score("cg", 0.5, chosen=False)))
    assert found.summary["sentence"].endswith(
        "It predicts measurements that it never saw with a mean error of 0.25 ± 0.01 of their mean modulus, against cg "
        "0.5."
    )
    assert found.account.scores[0].chosen


def test_a_learned_method_that_is_beaten_is_doubted(parts):
    opened, scan, method, *rest = parts
    model = ScanModel(facts=Facts(modality="toy", method="ssdu", is_complex=True, dims=2), weights={})
    taught = Taught(method=method, model=model, warnings=("It diverged.",))
    found = told(opened, scan, method, *rest, taught=taught, beaten_by="cg")
    assert found.summary["verdict"] == "amber"
    assert found.summary["warnings"][0] == "It diverged."
    assert found.summary["warnings"][1].startswith("cg predicts unseen measurements better than ssdu: train longer")
    assert found.model is model


def test_a_doubt_about_the_scan_is_amber(parts, tmp_path):
    opened, *rest = parts
    found = told(replace(opened, warnings=("The maps are odd.",)), *rest)
    assert (found.summary["verdict"], found.summary["warnings"]) == ("amber", ["The maps are odd."])
    assert "The maps are odd." in found.report.html
    assert found.save(tmp_path / "a.ome.tif").is_file()
