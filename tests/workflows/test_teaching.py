import time
from dataclasses import replace

import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.operators import Blur, LearnableBlur
from pellucid.workflows import scan as scans
from pellucid.workflows import teaching
from pellucid.workflows.learn import Job
from pellucid.workflows.options import Options
from pellucid.workflows.request import Request
from pellucid.workflows.scan_score import reserve
from pellucid.workflows.teaching import given, instructed, learnable, teach, within

from .scans import recorded, toy


@pytest.fixture(autouse=True)
def instrument(monkeypatch):
    monkeypatch.setattr(scans, "modality", lambda name: toy)


def asked(**fields):
    given = {"modality": "toy", "method": "ssdu", "settings": {"preset": "lite"}, "steps": 1} | fields
    return Request(**given)


def job(request):
    return Job(options=request.options, deadline=None)


@pytest.fixture
def left(tmp_path):
    path = recorded(tmp_path / "k.npy")
    return {path: reserve(toy(path).measurement, "toy").left}


def test_what_was_learned_is_kept_with_its_provenance(left):
    request = asked()
    taught = teach("ssdu", left, request, None, job(request))
    provenance = taught.model.provenance
    assert (taught.name, provenance["method"], provenance["steps"]) == ("ssdu", "ssdu", [1])
    assert provenance["settings"] == {"preset": "lite"}
    assert list(provenance["inputs"]) == [str(path) for path in left]
    assert taught.model.history.startswith("stage,step")
    assert taught.warnings == ()
    again = given(taught.model, "toy", next(iter(left.values())))
    assert again.histories == ()
    assert all(torch.equal(again.model.weights[k], v) for k, v in taught.method.model.state_dict().items())


def test_a_recording_is_none_of_the_clean_images(left, tmp_path):
    request = asked(method="kspace_ot_cyclegan", clean=tmp_path)
    with pytest.raises(InputError, match=r"k.npy was left out .* it is to be reconstructed itself"):
        teach("kspace_ot_cyclegan", left, request, None, job(request))


def test_a_training_may_start_from_a_model(left, tmp_path):
    request = asked()
    start = teach("ssdu", left, request, None, job(request)).model
    path = start.save(tmp_path / "m.zip")
    request = asked(model=path, settings={})
    taught = teach("ssdu", left, request, start, job(request))
    assert str(path) in taught.model.provenance["inputs"]
    moved = max(float((taught.model.weights[k] - v).abs().max()) for k, v in start.weights.items())
    assert 0 < moved < 0.01


def test_zero_shot_learning_starts_from_a_network_of_many_scans(left):
    start = teach("ssdu", left, asked(), None, job(asked())).model
    request = asked(method="zs_ssl", settings={})
    taught = teach("zs_ssl", left, request, start, job(request))
    assert taught.model.facts.settings == {"preset": "lite", "start": "backprojection"}
    assert taught.model.weights.keys() == start.weights.keys()


def test_sampling_that_never_varies_is_doubted_with_a_single_coil(tmp_path):
    request = asked(modality="mri")
    for coils in (1, 2):
        path = recorded(tmp_path / f"{coils}.npy", coils=coils)
        warnings = teach("ssdu", {path: toy(path).measurement}, request, None, job(request)).warnings
        assert len(warnings) == (coils == 1)


def test_a_folder_without_a_scan_that_can_be_divided_is_refused(left, tmp_path, monkeypatch):
    folder = tmp_path / "set"
    folder.mkdir()
    request = asked(train=folder)
    with pytest.raises(InputError, match="holds no scan"):
        teach("ssdu", left, request, None, job(request))
    recorded(folder / "a.npy", size=20)

    def refuse(scan, modality):
        raise InputError("Too few samples.")

    monkeypatch.setattr(teaching, "reserve", refuse)
    with pytest.raises(InputError, match=r"No scan of .*set can be trained on; a.npy was left out .*: Too few"):
        teach("ssdu", left, request, None, job(request))


def test_a_training_has_half_of_the_budget_at_least():
    late = Job(options=Options(seconds=100.0), deadline=time.monotonic() + 1)
    assert within(late).deadline == pytest.approx(time.monotonic() + 50, abs=1)
    early = replace(late, deadline=time.monotonic() + 90)
    assert within(early) == early
    free = Job(options=Options(seconds=None, steps=3), deadline=None)
    assert within(free) is free


def test_only_a_method_that_can_is_left_to_learn_an_instrument():
    psf, y = torch.full((1, 1, 3, 3), 1 / 9), torch.zeros(1, 1, 8, 8)
    known, unknown = (Measurement(y=y, operator=kind(psf)) for kind in (Blur, LearnableBlur))
    learnable([known], asked(method="cg"))
    learnable([known, unknown], asked(method="ot_cyclegan"))
    for method in ("cg", "ssdu", "auto", None):
        with pytest.raises(InputError, match="Only ot_cyclegan learns a PSF: add --method ot_cyclegan and --clean"):
            learnable([known, unknown], asked(method=method, settings={}))


def test_instruments_are_told_what_was_learned_of_them(left):
    request = asked()
    taught = teach("ssdu", left, request, None, job(request))
    assert instructed(taught, left) is taught
    heard = []
    instructed(replace(taught, method=replace(taught.method, tell=heard.append)), left)
    assert heard == [scan.operator for scan in left.values()]
