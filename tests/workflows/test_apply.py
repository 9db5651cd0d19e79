import numpy as np
import pytest

from pellucid.data.image import Image
from pellucid.data.io import read, write
from pellucid.errors import InputError
from pellucid.workflows.apply import apply_files
from pellucid.workflows.events import silent
from pellucid.workflows.learn import learn
from pellucid.workflows.model import Model


@pytest.fixture
def model(frame, job, tmp_path):
    channels, _ = learn([frame], [], 2, job("noise2void"))
    return Model(dims=2, channels=channels, provenance={"seed": 5}).save(tmp_path / "m.pellucid")


def run(model, inputs, **more):
    return apply_files(model, inputs, **{"watch": silent, "cancel": lambda: False} | more)


def test_a_model_restores_files_and_leaves_reports(model, frame, again, tmp_path):
    paths = [write(tmp_path / f"{name}.tif", image) for name, image in (("a", frame), ("b", again))]
    facts = run(model, paths)
    assert [f["method"] for f in facts] == ["noise2void"] * 2
    images = [np.asarray(read(f["output"]).data[...]) for f in facts]
    assert not np.array_equal(*images)
    assert (tmp_path / "b_denoised.report.html").is_file()
    assert read(facts[0]["output"]).provenance["seed"] == 5


def test_images_of_other_channels_are_refused_and_nothing_is_left(model, frame, tmp_path):
    colour = write(tmp_path / "c.ome.tif", Image(data=np.stack([frame.data] * 2), axes="CYX"))
    with pytest.raises(InputError, match=r"made for 1 channel\(s\), but the image has 2"):
        run(model, [colour])
    assert {p.name for p in tmp_path.iterdir()} == {"m.pellucid", "c.ome.tif"}
    (facts,) = run(model, [colour], channel="1")
    assert np.squeeze(read(facts["output"]).data[...]).shape == (64, 64)


def test_what_is_no_model_is_refused(frame, tmp_path):
    path = write(tmp_path / "a.tif", frame)
    with pytest.raises(InputError, match="is not a model of Pellucid"):
        run(path, [path])
    with pytest.raises(InputError, match="There is no model"):
        run(tmp_path / "gone.pellucid", [path])
