import contextlib
import io
import warnings

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.data.image import Image
from pellucid.data.io import create, read, reading, tiff, write
from pellucid.data.io.lazy import Lazy
from pellucid.errors import InputError

AXES = ["YX", "ZYX", "TYX", "CYX", "SYX", "TZYX", "TCYX", "ZCYX", "SZYX", "TZCYX", "TCZYX", "CZTYX", "STCYX"]


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("lengths", [{}, {"Z": 1, "C": 1}, {"T": 1, "Y": 1, "S": 1}], ids=str)
def test_what_is_written_is_read(tmp_path, make_image, axes, lengths):
    image = make_image(axes, lengths=lengths)
    back = read(write(tmp_path / "a.ome.tif", image, provenance={"method": "é <&>", "steps": 7}))
    assert (back.axes, back.dtype, back.format) == (axes, np.uint16, "ome-tiff")
    assert np.array_equal(back.data, image.data)
    assert (back.scale, back.units, back.channel_names) == (image.scale, image.units, image.channel_names)
    assert back.provenance == {"method": "é <&>", "steps": 7}


@pytest.mark.parametrize("dtype", tiff.OME_DTYPES)
def test_every_type_of_ome_survives(tmp_path, make_image, dtype):
    image = make_image("ZYX", dtype)
    back = read(write(tmp_path / "a.tif", image))
    assert back.dtype == dtype
    assert np.array_equal(back.data, image.data)


def test_other_readers_see_axes_and_sizes(tmp_path, make_image):
    image = make_image("TZCYX")
    with tifffile.TiffFile(write(tmp_path / "a.ome.tif", image)) as file:
        assert file.series[0].axes == "TZCYX"
        assert 'PhysicalSizeXUnit="µm"' in file.ome_metadata
        assert np.array_equal(file.asarray(), image.data)


@pytest.mark.parametrize(("axes", "dtype"), [("YX", "float16"), ("YX", "int64"), ("STCZYX", "uint8")])
def test_what_ome_cannot_hold_is_refused(tmp_path, make_image, axes, dtype):
    with pytest.raises(InputError, match=r"OME-TIFF .* write .*\.npy"):
        write(tmp_path / "a.tif", make_image(axes, dtype))
    assert not list(tmp_path.iterdir())


def test_an_imagej_hyperstack_says_its_axes(tmp_path, make_image):
    image = make_image("TZCYX")
    tifffile.imwrite(
        tmp_path / "a.tif",
        image.data,
        imagej=True,
        resolution=(8, 4),
        metadata={"axes": "TZCYX", "unit": "um", "spacing": 0.5, "finterval": 2.5},
    )
    back = read(tmp_path / "a.tif")
    assert (back.axes, back.format) == ("TZCYX", "imagej")
    assert np.array_equal(back.data, image.data)
    assert back.scale == {"T": 2.5, "Z": 0.5, "Y": 0.25, "X": 0.125}
    assert back.units == image.units


def test_a_plain_stack_is_asked_for_its_axes(tmp_path, make_image):
    stack = make_image("ZYX", lengths={"Z": 10}).data
    tifffile.imwrite(tmp_path / "cells.tif", stack, metadata=None)
    with pytest.raises(InputError) as refused:
        read(tmp_path / "cells.tif")
    assert str(refused.value) == (
        "cells.tif has 3 axes (10, 9, 7) and does not say what they are. "
        "Add --axes TYX if it is a movie, ZYX if a stack."
    )
    assert np.array_equal(read(tmp_path / "cells.tif", axes="TYX").data, stack)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colours_become_channels(tmp_path, numpy_rng, planar):
    pixels = numpy_rng.integers(0, 255, (9, 7, 3)).astype(np.uint8)
    stored = pixels if planar == "contig" else pixels.transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar)
    back = read(tmp_path / "a.tif")
    assert back.axes == "CYX"
    assert np.array_equal(back.data, pixels.transpose(2, 0, 1))


def test_opacity_is_dropped_where_it_is_constant_and_refused_where_not(tmp_path, numpy_rng):
    pixels = numpy_rng.integers(0, 255, (9, 7, 4)).astype(np.uint8)
    save = {"photometric": "rgb", "extrasamples": ["unassalpha"]}
    tifffile.imwrite(tmp_path / "a.tif", pixels, **save)
    with pytest.raises(InputError, match="alpha"):
        read(tmp_path / "a.tif")
    pixels[..., 3] = 255
    tifffile.imwrite(tmp_path / "a.tif", pixels, **save)
    assert np.array_equal(read(tmp_path / "a.tif").data, pixels[..., :3].transpose(2, 0, 1))


@pytest.mark.parametrize(
    "layout", [{}, {"compression": "zlib"}, {"tile": (16, 16)}, {"compression": "lzw", "predictor": 2}], ids=str
)
@pytest.mark.parametrize("order", "<>")
def test_large_files_are_read_region_by_region(tmp_path, monkeypatch, numpy_rng, layout, order):
    for module in (tiff, reading):
        monkeypatch.setattr(module, "SMALL", 0)
    numbers = numpy_rng.integers(0, 999, (3, 70, 65)).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif",
        numbers,
        byteorder=order,
        metadata={"axes": "ZYX"},
        photometric="minisblack",
        rowsperstrip=8,
        **layout,
    )
    image = read(tmp_path / "a.tif")
    assert isinstance(image.data, Lazy)
    assert image.dtype.isnative
    for region in [..., (1, slice(20, 50), slice(3, 64)), (slice(0, 3, 2), 69)]:
        assert np.array_equal(image.data[region], numbers[region])


def test_a_file_above_4_gib_is_a_sparse_bigtiff(tmp_path):
    like = Image(data=np.zeros((1, 1), np.float32), axes="YX")
    with create(tmp_path / "a.tif", like, (40_000, 30_000), np.float32) as target:
        target[39_990:, 20_000:20_010] = 5
    assert (tmp_path / "a.tif").stat().st_blocks * 512 < 2**24
    with (tmp_path / "a.tif").open("rb") as file:
        assert file.read(4) == b"II+\0"
    image = read(tmp_path / "a.tif")
    assert image.shape == (40_000, 30_000)
    assert image.data[39_988:39_992, 19_998:20_002].tolist() == [[0] * 4] * 2 + [[0, 0, 5, 5]] * 2


@pytest.fixture(scope="module")
def encoded():
    """Return small TIFFs of several kinds, as bytes."""
    files = []
    for settings_ in (
        {},
        {"compression": "zlib", "tile": (16, 16)},
        {"imagej": True},
        {"ome": True},
        {"bigtiff": True},
    ):
        buffer = io.BytesIO()
        axes = "ZYX" if settings_.get("ome") or settings_.get("imagej") else None
        pixels = np.arange(3 * 20 * 24, dtype=np.uint16).reshape(3, 20, 24)
        tifffile.imwrite(
            buffer, pixels, photometric="minisblack", metadata={"axes": axes} if axes else None, **settings_
        )
        files.append(buffer.getvalue())
    return files


def outcome(path):
    """Read an image, or let the sentence pass that says why not."""
    with contextlib.suppress(InputError, OSError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = read(path, axes="ZYX")
        assert isinstance(image, Image)
        np.asarray(image.data[0, :4, :4])


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("keep", [0.02, 0.5, 0.9, 0.97])
def test_a_truncated_file_is_refused(tmp_path, encoded, kind, keep):
    path = tmp_path / "a.tif"
    path.write_bytes(encoded[kind][: int(keep * len(encoded[kind]))])
    with pytest.raises((InputError, UserWarning), match=r"a\.tif (is cut short|is damaged|could not|has damaged tags)"):
        read(path, axes="ZYX")


def test_pages_that_were_cut_off_are_missed(tmp_path, make_image):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        for plane in make_image("ZYX").data:
            file.write(plane, contiguous=False, metadata=None)
    with tifffile.TiffFile(path) as whole:
        third = whole.pages[2].offset
    path.write_bytes(path.read_bytes()[:third])
    with pytest.raises(InputError, match="ends after 2 pages and announces more"):
        read(path, axes="ZYX")


@pytest.mark.usefixtures("little_memory")
@settings(max_examples=150)
@given(data=st.data(), kind=st.integers(0, 4))
def test_any_bytes_give_an_image_or_a_sentence(tmp_path_factory, encoded, data, kind):
    damaged = bytearray(encoded[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(4, min(len(damaged), 400) - 1) | st.integers(4, len(damaged) - 5))
        value = data.draw(st.binary(min_size=1, max_size=4))
        damaged[at : at + len(value)] = value
    path = tmp_path_factory.getbasetemp() / "fuzz.tif"
    path.write_bytes(damaged)
    outcome(path)


@pytest.mark.parametrize("side", [2**20, 2**31 - 1])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_absurd_sizes_are_refused_before_memory_is_asked_for(tmp_path, side, compression):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((20, 24), np.uint16), compression=compression, metadata=None)
    with tifffile.TiffFile(path, mode="r+") as file:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tag = file.pages[0].tags[name]
            tag.overwrite(side, dtype=4)
    with pytest.raises(InputError, match=r"a\.tif"):
        read(path).data[:8, :8]


def test_planes_in_files_that_are_missing_are_refused(tmp_path, make_image):
    path = write(tmp_path / "a.ome.tif", make_image("TYX"))
    xml = tifffile.tiffcomment(path)
    elsewhere = '<TiffData IFD="0" FirstT="2" PlaneCount="1"><UUID FileName="b.ome.tif">urn:uuid:1</UUID></TiffData>'
    tifffile.tiffcomment(path, xml.replace('PlaneCount="3"/>', f'PlaneCount="2"/>{elsewhere}').encode())
    with pytest.raises(InputError, match="other files"):
        read(path)
