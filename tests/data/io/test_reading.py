import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from pellucid.data.io import read, write
from pellucid.errors import InputError


def test_importing_the_room_imports_no_format_and_no_torch():
    code = "import sys, pellucid.data.io; print(*sys.modules)"
    modules = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert "pellucid.data.io" in modules
    assert not modules & {"torch", "tifffile", "zarr", "mrcfile", "imagecodecs", "nd2", "liffile", "pylibCZIrw"}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("cells.tif", b"dear diary", "is named .tif but does not hold such an image"),
        ("cells.npy", b"", "is named .npy"),
        ("cells.mrc", b"short", "is named .mrc"),
        ("cells.docx", b"dear diary", "no format that Pellucid knows"),
        ("cells", b"", "no format that Pellucid knows"),
    ],
)
def test_files_that_are_no_image_are_refused(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        read(tmp_path / name)


def test_what_is_not_there_or_is_a_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read(tmp_path / "cells.tif")
    with pytest.raises(InputError, match="is a folder"):
        read(tmp_path)


def test_the_content_counts_more_than_the_name(tmp_path):
    np.save(tmp_path / "a.npy", np.eye(4))
    (tmp_path / "a.npy").rename(tmp_path / "a.tif")
    assert read(tmp_path / "a.tif").format == "npy"


@pytest.mark.parametrize(
    ("head", "extra"), [(b"ZISRAWFILE", "czi"), (b"\xda\xce\xbe\x0a", "formats"), (b"\x70\x00\x00\x00", "formats")]
)
def test_a_missing_extra_is_named(tmp_path, monkeypatch, head, extra):
    for module in ("pylibCZIrw", "nd2", "liffile"):
        monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / "cells.czi").write_bytes(head + bytes(300))
    with pytest.raises(InputError, match=rf"pip install 'pellucid\[{extra}\]'"):
        read(tmp_path / "cells.czi")


@pytest.mark.parametrize("axes", ["ZYZ", "YXZ", "ZXY", "QYX", "YX", "TZYX", ""])
def test_impossible_axes_are_refused(tmp_path, axes):
    np.save(tmp_path / "a.npy", np.zeros((3, 4, 5)))
    with pytest.raises(InputError, match="--axes"):
        read(tmp_path / "a.npy", axes=axes)


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((100, 8, 9), "Add --axes TYX if it is a movie, ZYX if a stack.$"),
        ((3, 8, 9), "ZYX if a stack, CYX if channels.$"),
        ((3, 4, 8, 9), r"4 axes \(3, 4, 8, 9\) .* such as --axes CZYX.$"),
    ],
)
def test_ambiguous_axes_are_asked_for(tmp_path, shape, sentence):
    np.save(tmp_path / "a.npy", np.zeros(shape))
    with pytest.raises(InputError, match=sentence):
        read(tmp_path / "a.npy")


def test_unnamed_axes_of_length_one_are_dropped_unless_named(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((1, 8, 9)))
    assert read(tmp_path / "a.npy").axes == "YX"
    assert read(tmp_path / "a.npy", axes="YX").shape == (8, 9)
    assert read(tmp_path / "a.npy", axes="ZYX").shape == (1, 8, 9)


def test_the_users_reading_wins_and_keeps_what_still_holds(tmp_path, make_image):
    image = make_image("ZYX")
    back = read(write(tmp_path / "a.tif", image), axes="TYX")
    assert back.axes == "TYX"
    assert back.scale == {"Y": 0.25, "X": 0.125}


def test_one_channel_is_picked_by_name_or_number(tmp_path, make_image):
    image = make_image("TCYX")
    path = write(tmp_path / "a.tif", image)
    for channel in ("b", 1, "1"):
        back = read(path, channel=channel)
        assert (back.axes, back.channel_names) == ("TYX", ("b",))
        assert np.array_equal(back.data, image.data[:, 1])
    with pytest.raises(InputError, match=r"no channel GFP: choose one of 0 \(a\), 1 \(b\)"):
        read(path, channel="GFP")
    with pytest.raises(InputError, match="no channels"):
        read(write(tmp_path / "b.tif", make_image("ZYX")), channel=0)


def test_several_images_in_one_file_are_announced(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for side in (8, 9):
            file.write(np.zeros((side, side), np.uint8), metadata=None)
    with pytest.warns(UserWarning, match="holds 2 images; the first"):
        assert read(tmp_path / "a.tif").shape == (8, 8)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_says_so(tmp_path):
    np.save(tmp_path / "a.npy", np.eye(4))
    (tmp_path / "a.npy").chmod(0)
    with pytest.raises(PermissionError):
        read(tmp_path / "a.npy")
