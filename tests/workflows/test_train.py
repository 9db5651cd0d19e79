import numpy as np
import pytest

from pellucid.data.io import write
from pellucid.errors import InputError
from pellucid.workflows.events import silent
from pellucid.workflows.model import Model
from pellucid.workflows.options import Options
from pellucid.workflows.train import train

FEW = Options(method="noise2void", steps=6, settings={"features": 4, "patch": 32, "batch": 2})


def run(inputs, output, **more):
    return train(inputs, FEW, output=output, **{"watch": silent, "cancel": lambda: False} | more)


@pytest.fixture
def folder(frame, again, tmp_path):
    """Return a folder of two images."""
    place = tmp_path / "images"
    place.mkdir()
    write(place / "a.tif", frame)
    write(place / "b.tif", again.with_data(again.data + 50))
    return place


def state(path):
    return {k: v.numpy() for k, v in Model.load(path).channels[0].method.model.state_dict().items()}


def test_a_folder_becomes_one_model(folder, tmp_path):
    facts = run([folder], tmp_path / "m.pellucid")
    assert [*map(str, facts["input"])] == [str(folder / "a.tif"), str(folder / "b.tif")]
    model = Model.load(facts["output"])
    assert len(model.provenance["inputs"]) == 2
    assert [facts["risk"]] == model.provenance["risk"]
    assert (facts["method"], facts["warnings"]) == ("noise2void", [])
    assert not (tmp_path / "m.checkpoint").exists()


def test_a_training_that_was_stopped_is_resumed_to_the_same_model(folder, tmp_path):
    run([folder], tmp_path / "whole.pellucid")
    asked = iter(range(3))
    with pytest.raises(KeyboardInterrupt):
        run([folder], tmp_path / "m.pellucid", cancel=lambda: next(asked, None) is None)
    assert not (tmp_path / "m.pellucid").exists()
    assert (tmp_path / "m.checkpoint").is_dir()
    run([folder], tmp_path / "m.pellucid", resume=True)
    whole, part = state(tmp_path / "whole.pellucid"), state(tmp_path / "m.pellucid")
    assert all(np.array_equal(whole[name], part[name]) for name in whole)
    assert not (tmp_path / "m.checkpoint").exists()


def test_a_place_that_is_taken_is_refused_before_anything_is_read(folder, tmp_path):
    (tmp_path / "m.pellucid").write_text("mine")
    told = []
    with pytest.raises(InputError, match="exists already"):
        run([folder], tmp_path / "m.pellucid", watch=told.append)
    assert told == []
    run([folder], tmp_path / "m.pellucid", overwrite=True)
