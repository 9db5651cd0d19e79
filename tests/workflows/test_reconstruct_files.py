import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pellucid.data.io import read
from pellucid.errors import InputError
from pellucid.workflows import reconstruct_files as reconstruct_files_module
from pellucid.workflows import scan as scans
from pellucid.workflows.reconstruct import Ready, reconstruct
from pellucid.workflows.reconstruct_files import Places, reconstruct_files
from pellucid.workflows.request import Request

from .scans import recorded, toy


@pytest.fixture(autouse=True)
def instrument(monkeypatch):
    monkeypatch.setattr(scans, "modality", lambda name: toy)


@pytest.fixture
def path(tmp_path):
    return recorded(tmp_path / "k.npy", slices=1)


def run(*paths, places=None, told=None, cancel=lambda: False, resume=False, dry_run=False, **given):
    learned = {"method": "ssdu", "settings": {"preset": "lite"}, "steps": 2} if given.pop("learned", False) else {}
    request = Request(**{"modality": "toy"} | learned | given)
    watch = (lambda event: None) if told is None else told.append
    places = places or Places()
    return reconstruct_files(paths, request, places, watch=watch, cancel=cancel, resume=resume, dry_run=dry_run)


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_the_image_and_its_report_are_written(path):
    told = []
    (facts,) = run(path, told=told)
    assert Path(facts["output"]).name == "k_reconstructed.ome.tif"
    image = read(facts["output"])
    assert image.provenance["modality"] == "toy"
    assert image.scale["X"] == 2.0
    assert "Every 2 rows" in Path(facts["report"]).read_text(encoding="utf-8")
    assert told[0].text == "Every 2 rows were measured."
    json.dumps(facts)
    with pytest.raises(InputError, match="exists already"):
        run(path)


def test_what_bids_wants_to_know_stands_beside_a_nifti(path, tmp_path, monkeypatch):
    series = {"RepetitionTime": 1.5}

    def bids(path, *, every: int = 2):
        return replace(toy(path, every=every), sidecar=series)

    monkeypatch.setattr(scans, "modality", lambda name: bids)

    (facts,) = run(path, places=Places(output=tmp_path / "bold.nii.gz"))
    assert json.loads((tmp_path / "bold.json").read_text("utf-8")) == series
    Path(facts["output"]).unlink()
    Path(facts["report"]).unlink()
    with pytest.raises(InputError, match=r"bold\.json exists already"):
        run(path, places=Places(output=tmp_path / "bold.nii.gz"))
    run(path, places=Places(output=tmp_path / "plain.ome.tif"))
    assert not (tmp_path / "plain.json").exists()


def test_a_dry_run_writes_nothing(path):
    (facts,) = run(path, dry_run=True, learned=True)
    assert facts["method"] == "ssdu"
    assert names(path.parent) == ["k.npy"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"method": "magic"}, "There is no method magic"),
        ({"method": "noise2void"}, "noise2void is a method to denoise, not to reconstruct"),
        ({"settings": {"iterations": "many"}, "method": "cg"}, "iterations of cg is a whole number"),
        ({"geometry": {"colour": 1}}, "takes no colour; it takes every"),
        ({"device": "cuda:9"}, "There is no device cuda:9"),
        ({"learned": True, "train": Path("nowhere")}, "nowhere does not exist"),
        ({"places": Places(save_model=Path("m.zip"))}, "name a learned --method"),
        ({"places": Places(output=Path("nowhere/a.tif"))}, "folder nowhere does not exist"),
        ({"places": Places(output=Path("a.exe"))}, "cannot be written"),
    ],
)
def test_nothing_is_written_on_wrong_use(given, sentence, path):
    with pytest.raises(InputError, match=sentence):
        run(path, **given)
    assert names(path.parent) == ["k.npy"]


def test_the_result_never_replaces_the_scan(path):
    with pytest.raises(InputError, match="would replace its input"):
        run(path, places=Places(output=path, overwrite=True))


def test_files_of_different_sizes_share_a_model_and_one_that_fails_stops_no_other(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for size in (24, 32):
        recorded(folder / f"k{size}.npy", size=size, slices=1)
    (folder / "broken.npy").write_bytes(b"no array")
    (folder / "readme.txt").write_text("no scan", "utf-8")
    *facts, failed = run(folder, learned=True, places=Places(output=out, save_model=tmp_path / "m.zip"))
    assert [read(one["output"]).shape for one in facts] == [(1, 24, 24), (1, 32, 32)]
    assert failed == {"input": str(folder / "broken.npy"), "error": "broken.npy is no array."}
    assert "m.zip" in names(tmp_path)
    training = read(facts[0]["output"]).provenance["training"]
    assert [Path(file).name for file in training["inputs"]] == ["k24.npy", "k32.npy"]
    (again,) = run(folder / "k24.npy", model=tmp_path / "m.zip", places=Places(output=tmp_path / "again.tif"))
    assert np.array_equal(read(again["output"]).data, read(facts[0]["output"]).data)


def test_several_scans_need_a_folder_and_names_of_their_own(path):
    other = recorded(path.with_name("o.npy"))
    with pytest.raises(InputError, match="Several scans need a folder"):
        run(path, other, places=Places(output=path.with_name("a.tif")))
    twin = path.parent / "sub"
    twin.mkdir()
    recorded(twin / "k.npy")
    with pytest.raises(InputError, match="would both become"):
        run(path, twin / "k.npy", places=Places(output=path.parent / "out"))
    assert not (path.parent / "out").exists()
    with pytest.raises(InputError, match="does not exist: make it first"):
        run(path, other, places=Places(output=path.parent / "no" / "out"))


def test_a_folder_of_scans_is_trained_on_and_what_cannot_be_read_is_named(path):
    folder = path.parent / "set"
    folder.mkdir()
    recorded(folder / "a.npy", size=24, slices=2, coils=3)
    (folder / "broken.npy").write_bytes(b"no array")
    (facts,) = run(path, learned=True, train=folder)
    assert "broken.npy was left out of the training: broken.npy is no array." in facts["warnings"]
    assert facts["verdict"] == "amber"
    inputs = read(facts["output"]).provenance["training"]["inputs"]
    assert [Path(file).name for file in inputs] == ["a.npy"]


def test_a_stopped_run_keeps_its_state_and_goes_on_to_the_bit(path):
    asked, told = iter([False] * 3 + [True] * 9), []
    with pytest.raises(KeyboardInterrupt):
        run(path, learned=True, steps=4, cancel=lambda: next(asked), told=told)
    assert "--resume" in told[-1].text
    assert names(path.parent) == ["k.npy", "k_reconstructed.checkpoint"]
    (facts,) = run(path, learned=True, steps=4, resume=True)
    whole = Places(output=path.with_name("whole.tif"))
    (other,) = run(path, learned=True, steps=4, places=whole)
    assert np.array_equal(read(facts["output"]).data, read(other["output"]).data)
    assert not path.with_name("k_reconstructed.checkpoint").exists()


def test_only_the_run_that_was_stopped_goes_on(path):
    settings = {"preset": "lite", "fraction": 0.3}
    with pytest.raises(KeyboardInterrupt):
        run(path, learned=True, steps=4, cancel=lambda: True)
    with pytest.raises(InputError, match=r"with other settings \(settings\)"):
        run(path, method="ssdu", settings=settings, steps=4, resume=True)
    recorded(path, slices=1, seed=5)
    with pytest.raises(InputError, match=r"with other settings \(inputs\)"):
        run(path, learned=True, steps=4, resume=True)
    assert names(path.parent) == ["k.npy", "k_reconstructed.checkpoint"]
    (facts,) = run(path, method="ssdu", settings=settings, steps=4)
    assert read(facts["output"]).provenance["training"]["settings"] == settings


def test_scans_that_are_learned_one_by_one_do_not_stop_each_other(path, monkeypatch):
    other, tried = recorded(path.with_name("o.npy"), slices=1), []

    def prepare(scans, request, start, job):
        tried.append((list(scans), job.options.seconds, job.folder.name))
        if path in scans:
            raise InputError("Too few samples.")
        return {file: Ready(opened=opened, data=opened.measurement) for file, opened in scans.items()}, {}

    monkeypatch.setattr(reconstruct_files_module, "prepare", prepare)
    monkeypatch.setattr(reconstruct_files_module, "finish", lambda *parts: reconstruct(other, modality="toy"))
    done, failed = run(path, other, method="zs_ssl", seconds=8.0)
    assert tried == [([path], 4.0, "k_reconstructed.checkpoint"), ([other], 4.0, "o_reconstructed.checkpoint")]
    assert (done["input"], failed) == (str(other), {"input": str(path), "error": "Too few samples."})
