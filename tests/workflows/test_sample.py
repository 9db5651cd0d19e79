from pathlib import Path

import numpy as np
import pytest

import pellucid as pl
from pellucid.data.image import Image
from pellucid.data.io import read, write
from pellucid.errors import InputError
from pellucid.workflows.options import Options
from pellucid.workflows.sample import sample_files

from .conftest import blobs

SMALL = {"features": 4, "code": 2, "patch": 32, "batch": 2, "draws": 2}
OPTIONS = Options(method="divnoising", steps=3, settings=SMALL, device="cpu")


@pytest.fixture
def cells(tmp_path, frame):
    """Return a file with one noisy plane of known pixel size."""
    path = tmp_path / "cells.ome.tif"
    return write(
        path, Image(data=frame.data, axes="YX", scale={"X": 0.1, "Y": 0.1}, units=dict.fromkeys("XY", "micrometer"))
    )


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_draws_mean_spread_mode_and_a_report_are_written(cells, tmp_path):
    facts = sample_files(cells, OPTIONS, draws=3, likeliest=True)
    folder = tmp_path / "cells_samples"
    images = {f"cells_{name}.ome.tif" for name in ("mean", "draws", "spread", "map")}
    assert names(folder) == images | {"cells_mean.report.html"}
    assert names(tmp_path) == {"cells.ome.tif", "cells_samples"}
    assert facts["generated"]
    assert facts["output"] == str(folder)
    draws, mean, spread = (read(folder / f"cells_{name}.ome.tif") for name in ("draws", "mean", "spread"))
    assert (draws.axes, draws.shape) == ("SYX", (3, 64, 64))
    assert draws.scale == mean.scale == {"X": 0.1, "Y": 0.1}
    np.testing.assert_allclose(np.asarray(draws.data[...]).mean(0), np.asarray(mean.data[...]), rtol=1e-5)
    assert draws.provenance["generated"] is True
    assert draws.provenance["inputs"]
    assert "generated" not in mean.provenance
    assert float(np.asarray(spread.data[...]).min()) > 0


def test_a_model_of_denoise_is_drawn_from(cells, tmp_path, frame):
    trained = pl.denoise(frame, method="divnoising", steps=3, settings=SMALL, device="cpu").model
    saved = trained.save(tmp_path / "m.zip")
    sample_files(cells, Options(method="divnoising", seed=5), draws=2, model=saved, output=tmp_path / "out")
    written = np.asarray(read(tmp_path / "out" / "cells_draws.ome.tif").data[...])
    samples = pl.sample(frame, draws=2, model=trained, seed=5)
    np.testing.assert_array_equal(written, samples.draws.data)
    assert samples.likeliest is None
    assert (pl.sample(frame, draws=2, model=trained, seed=6).draws.data != written).any()


def test_a_run_that_was_stopped_goes_on(cells, tmp_path):
    asked = []

    def stop() -> bool:
        asked.append(True)
        return len(asked) > 2

    with pytest.raises(KeyboardInterrupt):
        sample_files(cells, OPTIONS, draws=2, cancel=stop)
    assert names(tmp_path) == {"cells.ome.tif", "cells_samples.checkpoint"}
    sample_files(cells, OPTIONS, draws=2, resume=True)
    assert names(tmp_path) == {"cells.ome.tif", "cells_samples"}
    sample_files(cells, OPTIONS, draws=2, output=tmp_path / "whole")
    parts, whole = (read(tmp_path / f / "cells_draws.ome.tif").data[...] for f in ("cells_samples", "whole"))
    np.testing.assert_array_equal(parts, whole)


def test_a_stop_while_drawing_leaves_nothing_but_the_state(cells, tmp_path):
    told = []

    def stop() -> bool:
        return any(event.phase == "apply" for event in told)

    with pytest.raises(KeyboardInterrupt):
        sample_files(cells, OPTIONS, draws=2, watch=told.append, cancel=stop)
    assert names(tmp_path) == {"cells.ome.tif", "cells_samples.checkpoint"}
    assert "add --resume to go on" in told[-1].text
    sample_files(cells, OPTIONS, draws=2, resume=True)
    assert names(tmp_path) == {"cells.ome.tif", "cells_samples"}


def test_samples_take_another_axis_for_draws(frame):
    image = Image(data=np.stack([frame.data, frame.data + 1]), axes="SYX")
    draws = pl.sample(image, draws=2, steps=1, settings=SMALL, method="divnoising", device="cpu").draws
    assert (draws.axes, draws.shape) == ("TSYX", (2, 2, 64, 64))


def test_correlated_noise_is_warned_of():
    noise = np.random.default_rng(0).normal(0, 12, (65, 65))
    image = (100 + 2 * blobs() + noise[1:, 1:] + noise[1:, :-1] + noise[:-1, 1:] + noise[:-1, :-1]).astype(np.float32)
    summary = pl.sample(image, draws=2, steps=1, settings=SMALL, device="cpu").summary
    assert any("correlated" in warning for warning in summary["warnings"])


def test_codes_that_tell_nothing_are_warned_of(frame):
    given = {"steps": 1, "settings": SMALL | {"hierarchical": False}, "device": "cpu"}
    assert any("collapsed" in warning for warning in pl.sample(frame, draws=2, **given).summary["warnings"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"draws": 1}, "one has no mean and no spread"),
        ({"draws": 10_000}, "Draws are 2 to 4096"),
        ({"options": Options(method="noise2void")}, "no posterior to draw from; these methods have: divnoising"),
        ({"output": Path("missing", "out")}, "does not exist"),
    ],
)
def test_what_cannot_be_sampled_is_refused_before_anything_is_written(cells, tmp_path, given, said):
    with pytest.raises(InputError, match=said):
        sample_files(cells, **({"options": OPTIONS, "draws": 2} | given))
    assert names(tmp_path) == {"cells.ome.tif"}


def test_a_result_that_exists_is_kept(cells, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "cells_spread.ome.tif").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        sample_files(cells, OPTIONS, draws=2, output=folder)
    with pytest.raises(InputError, match="go into a folder"):
        sample_files(cells, OPTIONS, draws=2, output=cells)
    assert names(folder) == {"cells_spread.ome.tif"}


def test_nan_and_axes_without_room_are_refused(frame):
    hole = frame.data.copy()
    hole[3, 4] = np.nan
    with pytest.raises(InputError, match="NaN"):
        pl.sample(hole, draws=2, steps=1)
    with pytest.raises(InputError, match="one S at a time"):
        pl.sample(Image(data=np.stack([[frame.data, frame.data]]), axes="STYX"), draws=2, steps=1)
