from pathlib import Path

import pytest

from pellucid.data.io import expand, output_path
from pellucid.errors import InputError


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("cells.tif", "cells_denoised.ome.tif"),
        ("cells.ome.tiff", "cells_denoised.ome.tif"),
        ("cells.OME.TIF", "cells_denoised.ome.tif"),
        ("a.b.czi", "a.b_denoised.ome.tif"),
        ("day1.frame", "day1.frame_denoised.ome.tif"),
        ("cells.png", "cells_denoised.ome.tif"),
        ("tomo.rec", "tomo_denoised.mrc"),
        ("stack.mrcs", "stack_denoised.mrc"),
        ("big.zarr", "big_denoised.ome.zarr"),
        ("big.ome.zarr", "big_denoised.ome.zarr"),
    ],
)
def test_results_are_named_after_the_input(source, name):
    assert output_path(Path("data") / source) == Path("data") / name
    assert output_path(Path("data") / source, directory="out") == Path("out") / name


def test_a_folder_with_zarr_metadata_is_zarr(tmp_path):
    (tmp_path / "well" / ".zgroup").parent.mkdir()
    (tmp_path / "well" / ".zgroup").touch()
    assert output_path(tmp_path / "well").name == "well_denoised.ome.zarr"


def test_files_folders_and_patterns_expand(tmp_path):
    for name in ("b.tif", "a.png", "notes.txt", ".hidden.tif"):
        (tmp_path / name).touch()
    (tmp_path / "c.zarr").mkdir()
    everything = [tmp_path / "a.png", tmp_path / "b.tif", tmp_path / "c.zarr"]
    assert expand([tmp_path]) == everything
    assert expand([tmp_path / "c.zarr", str(tmp_path / "*.tif"), tmp_path / "b.tif"]) == [
        everything[2],
        everything[1],
    ]


def test_what_holds_no_image_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match="holds no image"):
        expand([tmp_path])
    with pytest.raises(InputError, match="does not exist"):
        expand([tmp_path / "missing.tif"])
    with pytest.raises(InputError, match="does not exist"):
        expand([str(tmp_path / "*.nd2")])
