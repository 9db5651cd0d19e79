from dataclasses import replace

import numpy as np
import pytest
import tifffile
import torch

from pellucid.data.io import read
from pellucid.errors import InputError
from pellucid.workflows.kinds import spread_out
from pellucid.workflows.learn import Job
from pellucid.workflows.model import Model
from pellucid.workflows.options import Options
from pellucid.workflows.translate import Translation, translate_files
from pellucid.workflows.translation_model import TranslationModel

from .kinds_of_cells import cells, folders

SMALL = {"features": 4, "depth": 1}


@pytest.fixture
def asked(tmp_path):
    source, target = folders(tmp_path)
    return Translation(output=tmp_path / "out", source=source, target=target)


def job(method="c2gan", steps=2, **fields):
    return Job(options=Options(method=method, steps=steps, settings=SMALL, device="cpu"), deadline=None, **fields)


@pytest.mark.parametrize("method", ["cyclegan", "c2gan", "pix2pix"])
def test_all_of_the_source_is_translated_and_says_that_it_is_generated(method, asked):
    found = translate_files(asked, job(method))
    assert found["generated"] is True
    assert found["steps"] == 2
    assert found["verdict"] == ("amber" if found["doubts"] else "green")
    assert len(found["outputs"]) == 8
    image = read(found["outputs"][3])
    assert image.dtype == np.float32
    assert image.shape == (24, 28)
    assert image.provenance["generated"] is True
    assert image.provenance["method"] == method
    assert image.provenance["checks"] == found["checks"]
    assert len(image.provenance["from"]) == len(image.provenance["to"]) == 8
    assert "generated" in found["sentence"]
    assert not (asked.output.parent / "out.checkpoint").exists()


def test_tiles_have_no_seams(asked, tmp_path):
    """A large image, and the same in parts that a network never sees together, give the same numbers."""
    large = tmp_path / "large.tif"
    tifffile.imwrite(large, (500 + 1000 * cells(77, (300, 420))).astype(np.uint16))
    found = translate_files(
        replace(asked, inputs=[large], save_model=tmp_path / "m.pellucid"), job("cyclegan", steps=2)
    )
    image = read(found["outputs"][0]).data[...]
    model = TranslationModel.load(tmp_path / "m.pellucid", torch.device("cpu"))
    y = model.facts.source.inside(spread_out([read(large)], 1)[0])[None, :, 64:192, 64:192]
    with torch.no_grad():
        part = model.facts.target.outside(model.made.model.restorer.network(y))[0, 0, 32:-32, 32:-32]
    assert np.abs(part - image[96:160, 96:160]).max() < 1e-3 * image.std()


def test_a_model_is_kept_and_applied(asked, tmp_path):
    first = translate_files(replace(asked, save_model=tmp_path / "m.pellucid"), job())
    again = Translation(output=tmp_path / "again", inputs=[asked.source], model=tmp_path / "m.pellucid")
    second = translate_files(again, job())
    for a, b in zip(first["outputs"], second["outputs"], strict=True):
        assert np.array_equal(read(a).data[...], read(b).data[...])
    assert read(second["outputs"][0]).provenance["generated"] is True
    with pytest.raises(InputError, match="nothing to translate"):
        translate_files(replace(again, inputs=()), job())
    with pytest.raises(InputError, match="to translate images, not to denoise: use `pellucid translate`"):
        Model.load(tmp_path / "m.pellucid")


def test_stacks_and_channels_are_translated_plane_by_plane(asked, tmp_path, numpy_rng):
    for folder in (asked.source, asked.target):
        for path in folder.iterdir():
            path.unlink()
        stack = numpy_rng.random((3, 2, 20, 24)).astype(np.float32)
        tifffile.imwrite(folder / "s.ome.tif", stack, metadata={"axes": "ZCYX"}, ome=True)
    given = replace(asked, polarity=("bright", "bright"))
    image = read(translate_files(given, job())["outputs"][0])
    assert (image.shape, image.axes) == ((3, 2, 20, 24), "ZCYX")
    assert float(np.std(image.data[...])) > 0


def test_a_stopped_training_goes_on(asked, tmp_path):
    whole = translate_files(asked, job(steps=4))
    asks = iter(range(99))
    other = replace(asked, output=tmp_path / "other")
    with pytest.raises(KeyboardInterrupt):
        translate_files(other, job(steps=4, cancel=lambda: next(asks) == 2))
    assert not other.output.exists()
    assert (tmp_path / "other.checkpoint").is_dir()
    rest = translate_files(other, job(steps=4, resume=True))
    for a, b in zip(whole["outputs"], rest["outputs"], strict=True):
        assert np.array_equal(read(a).data[...], read(b).data[...])


def test_a_run_that_was_stopped_while_it_wrote_goes_on(asked, tmp_path):
    told = []

    def writing():
        return bool(told) and told[-1].text.startswith("Translating 3.tif")

    with pytest.raises(KeyboardInterrupt):
        translate_files(asked, job(cancel=writing, watch=told.append))
    assert "out.checkpoint keeps the state; add --resume" in told[-1].text
    assert sorted(path.name[0] for path in asked.output.iterdir()) == ["0", "1", "2"]
    rest = translate_files(replace(asked, overwrite=True), job(resume=True))
    whole = translate_files(replace(asked, output=tmp_path / "whole"), job())
    assert all(
        np.array_equal(read(a).data[...], read(b).data[...])
        for a, b in zip(rest["outputs"], whole["outputs"], strict=True)
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"source": None}, "give --from and --to, or a trained --model"),
        ({"target": "nowhere"}, "does not exist"),
        ({"output": "bright/0.tif"}, "is a file"),
        ({"output": "no/where"}, "make it first"),
        ({"output": "bright"}, "bright holds images to learn from"),
        ({"output": "dark/../bright"}, "holds images to learn from"),
        ({"output": "dark"}, "dark holds images to learn from"),
        ({"target": "bright"}, "--from and --to are both"),
        ({"save_model": "no/where.pellucid"}, "make it first"),
        ({"inputs": ["bright/0.tif", "dark/0.tif"]}, "no common scale"),
        ({"model": "bright/0.tif", "source": None}, "nothing to translate"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(change, sentence, asked, tmp_path):
    def placed(value):
        return tmp_path / value if isinstance(value, str) else [tmp_path / v for v in value] if value else value

    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=sentence):
        translate_files(replace(asked, **{name: placed(value) for name, value in change.items()}), job())
    assert sorted(tmp_path.rglob("*")) == before


def test_a_result_is_replaced_only_on_request(asked):
    translate_files(asked, job())
    with pytest.raises(InputError, match="exists already"):
        translate_files(asked, job())
    translate_files(replace(asked, overwrite=True), job())


def test_another_method_is_refused(asked):
    with pytest.raises(InputError, match="no method to translate"):
        translate_files(asked, job("cryogan"))


@pytest.mark.parametrize("wrong", [{"settings": {"magic": 1}}, {"device": "magic"}])
def test_settings_and_device_are_looked_at_before_any_image(wrong, asked, monkeypatch):
    monkeypatch.setattr(Translation, "kinds", lambda asked: pytest.fail("read the folders"))
    with pytest.raises(InputError, match="magic"):
        translate_files(asked, replace(job(), options=replace(job().options, **wrong)))
