import csv
import hashlib
import io
import os

import numpy as np
import pytest
import torch
from scipy import ndimage

from pellucid.data.image import Image
from pellucid.data.io import read, write
from pellucid.workflows import session
from pellucid.workflows.application import Application
from pellucid.workflows.session import fingerprint, learned, restored

CPU = torch.device("cpu")


@pytest.fixture
def applied(frame, job):
    """Return a model, its lessons, and a function that restores with or without them."""
    model, lessons = learned([frame], [], job("noise2void"))

    def run(known):
        out = np.zeros(frame.shape, np.float32)
        return restored(Application(model=model, device=CPU), frame, None, out, np.dtype(np.float32), known)

    return model, lessons, run


def test_a_model_says_how_it_was_made(frame, job):
    model, (lesson,) = learned([frame], [], job("noise2void", steps=5, seed=7))
    made = model.provenance
    assert (made["method"], made["steps"], made["seed"], made["dims"]) == (["noise2void"], [5], 7, 2)
    assert made["settings"][0]["features"] == 4
    assert made["risk"] == [lesson.chosen.risk.mean]
    assert made["noise_variance"] == [lesson.chosen.risk.noise_variance]
    assert made["inputs"] == {"array YX (64, 64)": hashlib.sha256(frame.data.tobytes()).hexdigest()}
    assert {"pellucid", "torch", "python"} <= made["versions"].keys()
    course = list(csv.DictReader(io.StringIO(model.history)))
    assert [float(row["step"]) for row in course] == [row["step"] for row in lesson.chosen.history.rows]
    assert {row["channel"] for row in course} == {"0"}


def test_the_course_of_several_channels_is_one_table(frame, again, job):
    both = Image(data=np.stack([frame.data, again.data]), axes="CYX")
    model, lessons = learned([both], [], job("noise2void"))
    course = list(csv.DictReader(io.StringIO(model.history)))
    assert [row["channel"] for row in course] == ["0"] * len(lessons[0].chosen.history.rows) + ["1"] * len(
        lessons[1].chosen.history.rows
    )


def test_no_risk_is_noted_where_it_would_mislead(truth, numpy_rng, job):
    grain = 2 * ndimage.gaussian_filter(numpy_rng.normal(0, 20, truth.shape), 1.0)
    model, (lesson,) = learned([Image(data=(truth + grain).astype(np.float32), axes="YX")], [], job("auto"))
    assert lesson.misleading
    assert (model.provenance["risk"], model.provenance["risk_se"]) == ([None], [None])


def test_planes_are_restored_on_a_processor_unless_volumes_are_asked(truth, numpy_rng, job):
    stack = Image(data=numpy_rng.poisson(truth, (8, 64, 64)).astype(np.float32), axes="ZYX")
    assert learned([stack], [], job("total_variation"))[0].dims == 2


def test_the_summary_tells_what_was_learned(applied):
    _, (lesson,), run = applied
    facts, page = run([lesson])
    assert (facts["method"], facts["steps"], facts["why"]) == ("noise2void", 3, "It was asked for.")
    assert facts["risk"] == lesson.chosen.risk.mean
    assert facts["candidates"][0]["method"] == "noise2void"
    assert facts["noise"]["gain"] == lesson.diagnosis.transfer.gain
    assert page.choice.learning is not None
    assert page.verdict.level == facts["verdict"]


def test_a_model_of_before_has_no_lesson_and_claims_no_risk(applied):
    _, lessons, run = applied
    (facts, page), (known, _) = run([]), run(lessons)
    assert (facts["method"], facts["risk"], facts["candidates"]) == ("noise2void", None, [])
    assert facts["noise"]["gain"] == pytest.approx(known["noise"]["gain"], rel=0.2)
    assert page.choice.learning is None
    assert any("How large the error is" in text for text in page.verdict.not_checked)


def test_a_fingerprint_is_that_of_the_file_the_folder_or_the_numbers(frame, tmp_path):
    path = write(tmp_path / "a.tif", frame)
    assert fingerprint(read(path)) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert fingerprint(frame) == fingerprint(frame.with_data(frame.data.copy())) != fingerprint(read(path))
    other = frame.data.copy()
    other[0, 0] += 1
    assert fingerprint(frame.with_data(other)) != fingerprint(frame)
    folder = write(tmp_path / "a.ome.zarr", frame)
    stored = read(folder)
    first = fingerprint(stored)
    chunk = max((p for p in folder.rglob("*") if p.is_file()), key=os.path.getsize)
    chunk.write_bytes(chunk.read_bytes() + b"\0")
    assert fingerprint(stored) != first


def test_a_large_file_is_known_by_its_size_and_its_beginning(frame, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "_HASHED", 100)
    path = write(tmp_path / "a.tif", frame)
    first = fingerprint(read(path))
    assert first.endswith("(of sizes and first 4 KiB)")
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert fingerprint(read(path)) == first
    path.write_bytes(content + b"\0")
    assert fingerprint(read(path)) != first
