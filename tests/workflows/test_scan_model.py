import json
from dataclasses import replace

import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods import function
from pellucid.noise import Gaussian
from pellucid.operators import Blur, LearnableBlur
from pellucid.training import package
from pellucid.workflows.scan_model import Facts, ScanModel

from .scans import recorded, toy


@pytest.fixture
def scan(tmp_path):
    return toy(recorded(tmp_path / "k.npy", slices=1)).measurement


@pytest.fixture
def model(scan):
    method = function("ssdu", "reconstruct")(scan, rng=torch.Generator().manual_seed(3), preset="lite")
    facts = Facts.of("toy", "ssdu", {"preset": "lite", "fraction": 0.4}, scan)
    return ScanModel(facts=facts, weights=method.model.state_dict(), provenance={"seed": 3}, history="step\n1\n")


@pytest.mark.parametrize("name", ["m.zip", "m"])
def test_a_model_returns_from_its_file(model, scan, tmp_path, name):
    found = ScanModel.load(model.save(tmp_path / name))
    assert (found.facts, found.provenance, found.history) == (model.facts, model.provenance, model.history)
    image, other = (m.build("toy", scan).restorer(scan) for m in (model, found))
    assert torch.equal(image, other)
    with pytest.raises(InputError, match="exists already"):
        model.save(tmp_path / name)


def test_the_facts_tell_what_images_it_makes(model):
    assert model.facts.images == "complex images of 2 dimensions by toy"


def test_another_kind_of_scan_is_refused(model, scan):
    with pytest.raises(InputError, match=r"makes complex images of 2 dimensions by toy, and here are .* by mri"):
        model.build("mri", scan)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"method": "cg"}, "is of cg, which has no weights"),
        ({"method": "magic"}, "There is no method magic"),
        ({"dims": 9}, "no model that this version can read: dims"),
        ({"run": "rm"}, "no model that this version can read: run"),
        ({"schema_version": 2}, "no model that this version can read: schema_version"),
        ({"task": "translate"}, "is a model to translate images, not to reconstruct: use `pellucid translate`"),
        ({"channels": []}, "is a model to denoise images, not to reconstruct scans: use `pellucid apply`"),
    ],
)
def test_a_file_that_says_something_else_is_refused(model, tmp_path, change, sentence):
    path = model.save(tmp_path / "m")
    card = json.loads((path / "model.json").read_text("utf-8"))
    (path / "model.json").write_text(json.dumps(card | change), "utf-8")
    with pytest.raises(InputError, match=sentence):
        ScanModel.load(path)


def test_provenance_is_a_table(model, tmp_path):
    path = model.save(tmp_path / "m")
    (path / "provenance.json").write_text("[]", "utf-8")
    with pytest.raises(InputError, match="no table of facts"):
        ScanModel.load(path)


def test_weights_that_do_not_fit_are_refused(model, scan):
    wrong = {name: weight * float("nan") for name, weight in model.weights.items()}
    for weights in (wrong, dict(list(model.weights.items())[1:])):
        with pytest.raises(InputError, match=r"do not fit ssdu .* with preset=lite, fraction=0\.4"):
            replace(model, weights=weights).build("toy", scan)


def test_a_model_that_learned_its_psf_refuses_another_one_and_names_its_own(rng):
    """And a model that was given a PSF refuses to learn one."""
    y, psf = torch.rand(1, 1, 32, 32, generator=rng), torch.full((1, 1, 5, 5), 0.04)
    known, unknown = (Measurement(y=y, operator=kind(psf), noise=Gaussian(0.1)) for kind in (Blur, LearnableBlur))
    for own, flag, other in ((unknown, {"psf_width": "5"}, known), (known, {"psf": "a.tif"}, unknown)):
        method = function("ot_cyclegan", "reconstruct")(own, rng=torch.Generator().manual_seed(3))
        facts, weights = Facts.of("deconvolution", "ot_cyclegan", {}, own), method.model.state_dict()
        found = ScanModel(facts=facts, weights=weights, provenance={"geometry": flag})
        assert found.build("deconvolution", own).restorer(own).shape == y.shape
        told = " ".join(*flag.items()).replace("_", "-")
        with pytest.raises(InputError, match=f"do not fit ot_cyclegan .* was trained with --{told}, so give the same"):
            found.build("deconvolution", other)


def test_nothing_pickled_is_opened(tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "m.pt")
    with pytest.raises(InputError, match="pickled models are never opened"):
        ScanModel.load(tmp_path / "m.pt")
    assert package.TEXTS[0] == "model.json"
