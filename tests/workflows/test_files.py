import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest

from pellucid.data.image import Image
from pellucid.data.io import read, write
from pellucid.errors import InputError
from pellucid.workflows.events import silent
from pellucid.workflows.files import Files, denoise_files, described, report_path, twins_of
from pellucid.workflows.model import Model
from pellucid.workflows.options import Options

FEW = Options(method="noise2void", steps=4, settings={"features": 4, "patch": 32, "batch": 2})
CLASSICAL = Options(method="total_variation")


def run(inputs, options=CLASSICAL, **more):
    """Denoise files, and return their summaries."""
    return denoise_files(inputs, options, **{"watch": silent, "cancel": lambda: False} | more)


@pytest.fixture
def cells(tmp_path, frame) -> Path:
    return write(tmp_path / "cells.tif", frame)


@pytest.fixture
def others(tmp_path, again) -> Path:
    """Return another file, twice as bright."""
    return write(tmp_path / "others.tif", again.with_data(2 * again.data))


def pixels(path) -> np.ndarray:
    return np.asarray(read(path).data[...])


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_result_and_its_report_lie_beside_the_input(cells, truth):
    (facts,) = run([cells])
    assert names(cells.parent) == {"cells.tif", "cells_denoised.ome.tif", "cells_denoised.report.html"}
    assert (facts["output"], facts["report"]) == tuple(
        str(cells.with_name(f"cells_denoised.{end}")) for end in ("ome.tif", "report.html")
    )
    image = pixels(facts["output"])
    assert image.dtype == np.float32
    assert ((image - truth) ** 2).mean() < 0.5 * ((pixels(cells) - truth) ** 2).mean()
    assert read(facts["output"]).provenance["command"].startswith("pellucid")


def test_several_inputs_share_one_model_and_one_scale_unless_each(cells, others, tmp_path):
    saved, seen = tmp_path / "model.pellucid", {}
    shared = run([cells, others], output=tmp_path / "shared", save_model=saved)
    each = run([cells, others], output=tmp_path / "each", each=True)
    alone = run([cells], output=tmp_path / "alone.ome.tif")
    for kind, facts in (("shared", shared), ("each", each), ("alone", alone)):
        seen[kind] = [pixels(one["output"]) for one in facts]
    np.testing.assert_array_equal(seen["each"][0], seen["alone"][0])
    assert not np.array_equal(seen["shared"][0], seen["alone"][0])
    assert len({one["risk"] for one in shared}) == 1
    assert len({one["risk"] for one in each}) == 2
    assert len(Model.load(saved).provenance["inputs"]) == 2


def test_pairs_belong_to_their_inputs(cells, frame, again, tmp_path):
    twin = write(tmp_path / "twin.tif", again)
    (facts,) = run([cells], Options(method="noise2noise", steps=4, settings=FEW.settings), pairs=[twin])
    assert facts["method"] == "noise2noise"
    (other,) = run([cells], FEW, pairs=[twin], output=tmp_path / "single.ome.tif")
    assert other["method"] == "noise2void"
    with pytest.raises(InputError, match="1 inputs came with 2 pairs"):
        run([cells], pairs=[twin, cells], overwrite=True)
    assert twins_of([cells], []) == []


def test_output_of_the_type_of_the_input_is_rounded_and_clipped(frame, tmp_path):
    path = write(tmp_path / "few.tif", frame.with_data(np.clip(frame.data - 90, 0, 255).astype(np.uint8)))
    floats, rounded = (
        pixels(run([path], output=tmp_path / f"{kind}.ome.tif", dtype=kind)[0]["output"])
        for kind in ("float32", "input")
    )
    assert rounded.dtype == np.uint8
    np.testing.assert_array_equal(rounded, np.clip(np.rint(floats), 0, 255))


def test_a_movie_and_its_channels_keep_their_places(frame, again, tmp_path):
    data = np.stack([[frame.data, 2 * again.data], [again.data, 2 * frame.data]])
    path = write(tmp_path / "movie.ome.tif", Image(data=data, axes="TCYX", channel_names=("A", "B")))
    (facts,) = run([path])
    found = read(facts["output"])
    assert (found.axes.replace("Z", ""), found.channel_names) == ("TCYX", ("A", "B"))
    image = pixels(facts["output"]).reshape(data.shape)
    for t, c in itertools.product(range(2), range(2)):
        assert np.corrcoef(image[t, c].ravel(), data[t, c].ravel())[0, 1] > 0.9
    (one,) = run([path], output=tmp_path / "b.ome.tif", channel="B")
    assert np.squeeze(pixels(one["output"])).shape == (2, 64, 64)


def test_a_dry_run_says_what_would_be_done_and_does_nothing(cells):
    (facts,) = run([cells], dry_run=True)
    assert names(cells.parent) == {"cells.tif"}
    assert facts["output"].endswith("cells_denoised.ome.tif")
    assert "A dry run: Read cells.tif as YX (64, 64)" in facts["why"]
    assert "60 s on cpu" in facts["why"] or "cuda" in facts["why"]


def test_what_was_cancelled_is_resumed_to_the_same_result(cells, tmp_path):
    (whole,) = run([cells], FEW, output=tmp_path / "whole.ome.tif")
    told, asked = [], iter(range(2))
    with pytest.raises(KeyboardInterrupt):
        run([cells], FEW, watch=told.append, cancel=lambda: next(asked, None) is None)
    folder = tmp_path / "cells_denoised.checkpoint"
    assert folder.is_dir()
    assert not (tmp_path / "cells_denoised.ome.tif").exists()
    assert f"{folder} keeps the state; add --resume" in told[-1].text
    (rest,) = run([cells], FEW, resume=True)
    np.testing.assert_array_equal(pixels(rest["output"]), pixels(whole["output"]))
    assert not folder.exists()


def test_a_folder_of_checkpoints_keeps_what_is_not_ours(cells, tmp_path):
    folder = tmp_path / "cells_denoised.checkpoint"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    run([cells], FEW, save_model=tmp_path / "m.pellucid")
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    (folder / "0-noise2self-0.safetensors").write_text("of a run that was stopped")
    run([cells], model=tmp_path / "m.pellucid", overwrite=True)
    assert len(list(folder.iterdir())) == 2


def test_cancelled_while_it_is_applied_leaves_no_output(cells):
    events = []
    with pytest.raises(KeyboardInterrupt):
        run([cells], watch=events.append, cancel=lambda: any(e.phase == "apply" for e in events))
    assert "cells_denoised.ome.tif" not in names(cells.parent)


def test_a_model_of_before_restores_without_training(cells, others, tmp_path):
    (first,) = run([cells], FEW, save_model=tmp_path / "m.pellucid")
    told = []
    again, other = run(
        [cells, others], Options(), model=tmp_path / "m.pellucid", output=tmp_path / "out", watch=told.append
    )
    np.testing.assert_array_equal(pixels(again["output"]), pixels(first["output"]))
    assert other["method"] == "noise2void"
    assert not any(event.phase.startswith("train") for event in told)


def test_what_is_there_is_kept_unless_asked(cells, tmp_path):
    (facts,) = run([cells])
    Path(facts["output"]).unlink()
    with pytest.raises(InputError, match=r"report\.html exists already"):
        run([cells])
    Path(facts["report"]).unlink()
    (facts,) = run([cells])
    with pytest.raises(InputError, match=r"ome\.tif exists already"):
        run([cells])
    run([cells], overwrite=True)
    with pytest.raises(InputError, match="would replace its input"):
        run([cells], output=cells, overwrite=True)
    model = tmp_path / "m.pellucid"
    model.write_text("mine")
    with pytest.raises(InputError, match=r"m\.pellucid exists already"):
        run([cells], output=tmp_path / "x.ome.tif", save_model=model)
    assert model.read_text() == "mine"


def test_nothing_is_read_where_the_method_does_not_exist(cells):
    told = []
    with pytest.raises(InputError, match="There is no method"):
        run([cells], Options(method="bm3d"), watch=told.append)
    assert told == []


def test_targets(tmp_path):
    a, b = tmp_path / "a.tif", tmp_path / "b.tif"
    assert Files().targets([a]) == [tmp_path / "a_denoised.ome.tif"]
    assert Files(output=tmp_path / "c.ome.tif").targets([a]) == [tmp_path / "c.ome.tif"]
    folder = tmp_path / "out"
    assert Files(output=folder).targets([a, b]) == [folder / f"{name}_denoised.ome.tif" for name in "ab"]
    assert folder.is_dir()
    assert Files(output=folder).targets([a]) == [folder / "a_denoised.ome.tif"]
    with pytest.raises(InputError, match="2 images need a folder, but"):
        Files(output=tmp_path / "c.tif").targets([a, b])
    with pytest.raises(InputError, match="Two inputs would both become"):
        Files(output=folder).targets([a, tmp_path / "elsewhere" / "a.tif"])
    shutil.rmtree(folder)


def test_reports_are_named_after_their_images(frame):
    assert report_path(Path("a/b_denoised.zarr")) == Path("a/b_denoised.report.html")
    assert report_path(Path("a/b.ome.zarr")).name == "b.report.html"
    source = Path("cells.tif")
    sized = Image(data=frame.data, axes="YX", source=source, scale={"Y": 0.2, "X": 0.2}, units={"X": "micrometer"})
    assert described(sized) == "Read cells.tif as YX (64, 64), pixel 0.2 micrometer; change with --axes."
