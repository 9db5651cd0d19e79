import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch

from pellucid.data.image import Image
from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.noise import Gaussian
from pellucid.operators import Operator, Sampling
from pellucid.workflows import contest
from pellucid.workflows import scan as scans
from pellucid.workflows.contest import Field
from pellucid.workflows.reconstruct import deconvolve, files_of, reconstruct
from pellucid.workflows.request import Request
from pellucid.workflows.scan import Scan

from .scans import recorded, toy

LEARNED = {"modality": "toy", "method": "ssdu", "settings": {"preset": "lite"}, "steps": 2}


class Squared(Operator):
    """A detector of intensities."""

    def forward(self, x):
        return x.square()

    def backproject(self, y):
        return y


def rows(path, *, every: int = 2, sigma: float | None = None) -> Scan:
    """Read a plane of which only some rows were measured.

    Parameters
    ----------
    every
        Which rows were measured.
    sigma
        Of the noise.

    Returns
    -------
    Scan
        A plane.
    """
    y = torch.from_numpy(np.load(path))[None, None]
    keep = torch.zeros_like(y)
    keep[..., ::every, :] = 1
    return Scan(
        measurement=Measurement(y=y * keep, operator=Sampling(keep), noise=None if sigma is None else Gaussian(sigma)),
        image=lambda x: Image(data=x[0, 0].numpy(), axes="YX"),
        quantity="height",
        method="adjoint",
        notes=(f"Every {every} rows were measured.",),
    )


@pytest.fixture(autouse=True)
def instrument(monkeypatch):
    monkeypatch.setattr(scans, "modality", {"rows": rows, "deconvolution": rows, "toy": toy}.__getitem__)
    monkeypatch.setitem(contest.AUTO, "toy", Field(("cg", "adjoint"), "ssdu", "ssdu"))


@pytest.fixture
def path(tmp_path):
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).normal(5, 1, (32, 40)).astype(np.float32))
    return tmp_path / "rows.npy"


@pytest.fixture
def kspace(tmp_path):
    return recorded(tmp_path / "k.npy")


def test_a_scan_becomes_an_image_with_an_account(path):
    found = reconstruct(path, modality="rows", every=4)
    assert found.image.shape == (32, 40)
    assert np.all(found.image[1::4] == 0)
    assert found.summary["residual"] == pytest.approx(0, abs=1e-6)
    assert found.summary["verdict"] is None
    assert found.summary["notes"] == ["Every 4 rows were measured."]
    provenance = found.restoration.provenance
    assert (provenance["method"], provenance["geometry"]) == ("adjoint", {"every": "4"})
    assert len(next(iter(provenance["inputs"].values()))) == 64
    assert deconvolve(path, method="cg").summary["method"] == "cg"


def test_a_residual_unlike_the_noise_is_amber(path):
    assert reconstruct(path, modality="rows", method="cg", sigma=1e-3).summary["verdict"] == "amber"
    assert reconstruct(path, modality="rows", method="adjoint", sigma=1e-3).summary["verdict"] is None


def test_every_keyword_of_a_modality_reaches_python_too():
    assert list(scans.geometry("rows")) == ["every", "sigma"]
    assert scans.described("rows")["every"] == "Which rows were measured."
    assert "geometry" in inspect.signature(reconstruct).parameters


def test_every_file_that_it_was_made_from_is_hashed(path):
    mask = path.with_name("mask.npy")
    np.save(mask, np.ones(3))
    request = Request(modality="rows", geometry={"mask": mask, "every": 2, "poses": path.with_name("none.npz")})
    assert [file.name for file in files_of(path, request)] == ["rows.npy", "mask.npy"]


def test_a_method_learns_from_the_scan_alone_and_is_scored_beside_the_usual_one(kspace):
    told = []
    found = reconstruct(kspace, **LEARNED, watch=told.append)
    assert found.image.shape == (2, 32, 32)
    assert {score["method"] for score in found.summary["scores"]} == {"ssdu", "cg"}
    assert [score["method"] for score in found.summary["scores"] if score["chosen"]] == ["ssdu"]
    assert found.summary["steps"] == [2]
    assert "cg predicts unseen measurements better than ssdu" in found.summary["warnings"][0]
    assert found.summary["verdict"] == "amber"
    assert any(event.phase == "train ssdu" for event in told)
    assert found.restoration.provenance["training"]["steps"] == [2]
    assert "Prediction of unseen measurements" in found.report.html
    assert "Learning" in found.report.html


def test_a_model_reconstructs_without_training_and_alike(kspace, tmp_path):
    found = reconstruct(kspace, **LEARNED)
    found.model.save(tmp_path / "m.zip")
    again = reconstruct(kspace, modality="toy", model=tmp_path / "m.zip")
    assert np.array_equal(again.image, found.image)
    assert again.summary["method"] == "ssdu"
    assert again.summary["steps"] == []


def test_auto_takes_what_predicts_best(kspace):
    found = reconstruct(kspace, modality="toy", method="auto", steps=2)
    errors = {score["method"]: score["error"] for score in found.summary["scores"]}
    assert set(errors) == {"cg", "adjoint", "ssdu"}
    assert found.summary["method"] == min(errors, key=errors.get) == "cg"
    assert found.summary["verdict"] is None
    assert found.model.facts.method == "ssdu"


def test_auto_is_the_usual_method_where_there_is_no_other(path):
    assert reconstruct(path, modality="rows", method="auto").summary["method"] == "adjoint"


def test_too_few_samples_are_refused_in_a_sentence(kspace):
    with pytest.raises(InputError, match="cannot be held out"):
        reconstruct(kspace, **LEARNED | {"settings": {"preset": "lite", "fraction": 0.99}})


def test_an_instrument_that_is_not_linear_is_refused_in_a_sentence(kspace, monkeypatch):
    def intensity(path) -> Scan:
        return replace(toy(path), measurement=Measurement(y=torch.ones(1, 1, 8, 8), operator=Squared()))

    monkeypatch.setattr(scans, "modality", lambda name: intensity)
    with pytest.raises(InputError, match="linear instruments only, and toy is none: use --method cg"):
        reconstruct(kspace, **LEARNED)
