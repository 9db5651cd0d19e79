from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid.data.image import Image
from pellucid.data.io import read, write
from pellucid.errors import InputError
from pellucid.operators import Blur
from pellucid.workflows.options import Options
from pellucid.workflows.sample import sample_files
from pellucid.workflows.sample_scan import behind, sample_scan

from .conftest import blobs

SMALL = {"features": 4, "code": 2, "draws": 2}
OPTIONS = Options(method="divnoising", steps=3, seconds=None, settings=SMALL, device="cpu")
PSF = np.outer(*[np.exp(-0.5 * (np.arange(-4, 5) / 1.5) ** 2)] * 2).astype(np.float32)


def saved(path: Path, data, axes="YX"):
    sizes = dict.fromkeys(axes[-2:], 0.1)
    image = Image(data=np.asarray(data, np.float32), axes=axes, scale=sizes, units=dict.fromkeys(sizes, "micrometer"))
    return write(path, image)


@pytest.fixture
def cells(tmp_path):
    """Return a file with one blurred, noisy plane, beside that of its PSF."""
    x = torch.from_numpy(blobs()).float()[None, None]
    y = torch.poisson(Blur(torch.from_numpy(PSF / PSF.sum())[None, None])(x), generator=torch.Generator())
    saved(tmp_path / "psf.tif", PSF)
    return saved(tmp_path / "cells.ome.tif", 100 + y[0, 0].numpy())


def drawn(cells, *, options=OPTIONS, psf=None, model=None, draws=2, **given):
    request = behind(psf or cells.with_name("psf.tif"), options, axes=None, channel=None, model=model)
    return sample_scan(cells, request, draws=draws, **given)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_draws_mean_spread_mode_and_a_report_are_written(cells, tmp_path):
    facts = drawn(cells, draws=3, likeliest=True)
    folder = tmp_path / "cells_samples"
    images = {f"cells_{name}.ome.tif" for name in ("mean", "draws", "spread", "map")}
    assert names(folder) == images | {"cells_mean.report.html"}
    assert names(tmp_path) == {"cells.ome.tif", "psf.tif", "cells_samples"}
    assert facts["generated"]
    assert facts["draws"] == 3
    assert not any("coil" in warning for warning in facts["warnings"])
    made = {name: read(folder / f"cells_{name}.ome.tif") for name in ("draws", "mean", "spread", "map")}
    draws = np.asarray(made["draws"].data[...])
    assert (made["draws"].axes, draws.shape) == ("SYX", (3, 64, 64))
    assert made["draws"].scale == made["mean"].scale == {"X": 0.1, "Y": 0.1}
    assert (draws >= 0).all()
    np.testing.assert_allclose(draws.mean(0), made["mean"].data[...], rtol=1e-5)
    np.testing.assert_allclose(draws.std(0, ddof=1), made["spread"].data[...], rtol=1e-3, atol=1e-4)
    assert {name: image.provenance.get("generated") for name, image in made.items()} == {
        "draws": True,
        "map": True,
        "mean": None,
        "spread": None,
    }
    assert {Path(file).name for file in made["draws"].provenance["inputs"]} == {"cells.ome.tif", "psf.tif"}


def test_a_model_draws_again_behind_its_own_psf_and_no_other(cells, tmp_path):
    drawn(cells, save_model=tmp_path / "m.zip")
    first = read(tmp_path / "cells_samples" / "cells_draws.ome.tif").data[...]
    for seed, same in ((0, True), (1, False)):
        given = Options(method="divnoising", seed=seed, device="cpu")
        drawn(cells, options=given, model=tmp_path / "m.zip", output=tmp_path / f"{seed}")
        again = read(tmp_path / f"{seed}" / "cells_draws.ome.tif").data[...]
        assert np.array_equal(first, again) == same
    wide = saved(tmp_path / "wide.tif", PSF**0.5)
    with pytest.raises(InputError, match="behind another PSF"):
        drawn(cells, options=Options(device="cpu"), model=tmp_path / "m.zip", psf=wide, output=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_run_that_was_stopped_goes_on(cells, tmp_path):
    asked = []

    def stop() -> bool:
        asked.append(True)
        return len(asked) > 2

    with pytest.raises(KeyboardInterrupt):
        drawn(cells, cancel=stop)
    assert names(tmp_path) == {"cells.ome.tif", "psf.tif", "cells_samples.checkpoint"}
    drawn(cells, resume=True)
    assert names(tmp_path) == {"cells.ome.tif", "psf.tif", "cells_samples"}
    drawn(cells, output=tmp_path / "whole")
    parts, whole = (read(tmp_path / f / "cells_draws.ome.tif").data[...] for f in ("cells_samples", "whole"))
    np.testing.assert_array_equal(parts, whole)


def test_a_stop_while_drawing_leaves_nothing(cells, tmp_path):
    drawn(cells, save_model=tmp_path / "m.zip")
    before = names(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        drawn(
            cells, options=Options(device="cpu"), model=tmp_path / "m.zip", output=tmp_path / "o", cancel=lambda: True
        )
    assert names(tmp_path) == before


def test_stacks_and_movies_keep_their_axes(cells, tmp_path):
    plane = np.asarray(read(cells).data[...])
    movie = saved(tmp_path / "movie.ome.tif", np.stack([plane, plane[::-1]]), "TYX")
    drawn(movie, psf=cells.with_name("psf.tif"), options=OPTIONS)
    draws, mean = (
        np.asarray(read(tmp_path / "movie_samples" / f"movie_{k}.ome.tif").data[...]) for k in ("draws", "mean")
    )
    assert draws.shape == (2, 2, 64, 64)
    np.testing.assert_allclose(draws.mean(0), mean, rtol=1e-5)
    stack = saved(tmp_path / "stack.ome.tif", np.stack([plane[:32, :32]] * 6), "ZYX")
    psf = saved(tmp_path / "psf3.ome.tif", np.stack([0.5 * PSF, PSF, 0.5 * PSF]), "ZYX")
    drawn(stack, psf=psf, options=OPTIONS)
    assert read(tmp_path / "stack_samples" / "stack_draws.ome.tif").shape == (2, 6, 32, 32)


def test_a_model_of_another_kind_is_refused(cells, tmp_path):
    drawn(cells, save_model=tmp_path / "m.zip")
    with pytest.raises(InputError, match="give its PSF to `pellucid sample`"):
        sample_files(cells, Options(), draws=2, model=tmp_path / "m.zip", output=tmp_path / "other")
    plain = Options(method="divnoising", steps=1, settings=SMALL | {"patch": 32, "batch": 2}, device="cpu")
    sample_files(cells, plain, draws=2, save_model=tmp_path / "plain.zip", output=tmp_path / "plain")
    with pytest.raises(InputError, match="a model to denoise images, not to reconstruct scans"):
        drawn(cells, options=Options(device="cpu"), model=tmp_path / "plain.zip", output=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_an_image_whose_noise_nobody_can_tell_is_refused(tmp_path, cells):
    flat = saved(tmp_path / "flat.ome.tif", np.full((64, 64), 7))
    with pytest.raises(InputError, match="needs the noise of the image"):
        drawn(flat)
    assert not (tmp_path / "flat_samples").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"draws": 1}, "one has no mean and no spread"),
        ({"options": Options(method="rl")}, "no posterior to draw from behind a PSF; these methods have: divnoising"),
        ({"output": Path("missing", "out")}, "does not exist"),
        ({"psf": Path("nothing.tif")}, "^nothing.tif does not exist"),
    ],
)
def test_what_cannot_be_sampled_is_refused_before_anything_is_written(cells, tmp_path, given, said):
    with pytest.raises((InputError, OSError), match=said):
        drawn(cells, **given)
    assert names(tmp_path) == {"cells.ome.tif", "psf.tif"}
