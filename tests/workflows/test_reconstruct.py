import inspect
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid.data.image import Image
from pellucid.data.io import read
from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.noise import Gaussian
from pellucid.operators import Sampling
from pellucid.workflows import scan as scans
from pellucid.workflows.reconstruct import Request, _files, deconvolve, reconstruct, reconstruct_file
from pellucid.workflows.scan import Scan


def toy(path: Path, *, every: int = 2, sigma: float | None = None) -> Scan:
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
        image=lambda x: Image(data=x[0, 0].numpy(), axes="YX", scale={"Y": 2.0, "X": 2.0}, units={"X": "micrometer"}),
        quantity="height",
        method="adjoint",
        notes=(f"Every {every} rows were measured.",),
    )


@pytest.fixture(autouse=True)
def instrument(monkeypatch):
    monkeypatch.setattr(scans, "modality", lambda name: toy)


@pytest.fixture
def path(tmp_path):
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).normal(5, 1, (32, 40)).astype(np.float32))
    return tmp_path / "rows.npy"


def test_a_scan_becomes_an_image_with_an_account(path):
    found = reconstruct(path, modality="toy", every=4)
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
    assert reconstruct(path, modality="toy", method="cg", sigma=1e-3).summary["verdict"] == "amber"
    assert reconstruct(path, modality="toy", method="adjoint", sigma=1e-3).summary["verdict"] is None


def asked(**given):
    return Request(**{"modality": "toy", "settings": {}, "geometry": {}} | given)


def test_the_image_and_its_report_are_written(path):
    told = []
    facts = reconstruct_file(path, asked(), watch=told.append)
    assert Path(facts["output"]).name == "rows_reconstructed.ome.tif"
    image = read(facts["output"])
    assert image.provenance["modality"] == "toy"
    assert image.scale["X"] == 2.0
    assert "Every 2 rows" in Path(facts["report"]).read_text(encoding="utf-8")
    assert told[0].text == "Every 2 rows were measured."
    json.dumps(facts)
    with pytest.raises(InputError, match="exists already"):
        reconstruct_file(path, asked(), watch=told.append)


def test_a_dry_run_writes_nothing(path):
    facts = reconstruct_file(path, asked(), dry_run=True, watch=lambda event: None)
    assert facts["method"] == "adjoint"
    assert [entry.name for entry in path.parent.iterdir()] == ["rows.npy"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"method": "magic"}, "There is no method magic"),
        ({"method": "noise2void"}, "noise2void is a method to denoise, not to reconstruct"),
        ({"settings": {"iterations": "many"}, "method": "cg"}, "iterations of cg is a whole number"),
        ({"geometry": {"colour": 1}}, "takes no colour; it takes every, sigma"),
        ({"device": "cuda:9"}, "There is no device cuda:9"),
    ],
)
def test_nothing_is_written_on_wrong_use(given, sentence, path):
    with pytest.raises(InputError, match=sentence):
        reconstruct_file(path, asked(**given), watch=lambda event: None)
    assert [entry.name for entry in path.parent.iterdir()] == ["rows.npy"]


def test_the_result_never_replaces_the_scan(path):
    with pytest.raises(InputError, match="would replace its input"):
        reconstruct_file(path, asked(), output=path, overwrite=True, watch=lambda event: None)


def test_every_keyword_of_a_modality_reaches_python_too():
    assert list(scans.geometry("toy")) == ["every", "sigma"]
    assert scans.described("toy")["every"] == "Which rows were measured."
    assert "geometry" in inspect.signature(reconstruct).parameters


def test_every_file_that_it_was_made_from_is_hashed(path):
    mask = path.with_name("mask.npy")
    np.save(mask, np.ones(3))
    inputs = {
        Path(file).name for file in _files(path, asked(geometry={"mask": mask, "every": 2, "poses": Path("none.npz")}))
    }
    assert inputs == {"rows.npy", "mask.npy"}
