import contextlib
import json
import tracemalloc
from pathlib import Path

import numpy as np
import ome_zarr_models.v04.image
import ome_zarr_models.v05.image
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.data.image import Image
from pellucid.data.io import create, read, write
from pellucid.data.io.lazy import Lazy
from pellucid.errors import InputError

MODELS = {"0.4": ome_zarr_models.v04.image.Image, "0.5": ome_zarr_models.v05.image.Image}


@pytest.mark.parametrize("version", MODELS)
@pytest.mark.parametrize("axes", ["YX", "ZYX", "CYX", "TYX", "SYX", "CZYX", "TCYX", "TSYX", "TCZYX"])
def test_what_is_written_is_read_and_valid(tmp_path, make_image, axes, version):
    image = make_image(axes, "float32", {"Z": 1} if axes == "ZYX" else {})
    path = write(tmp_path / "a.ome.zarr", image, ome_zarr=version, provenance={"method": "noise2void"})
    back = read(path)
    assert (back.axes, back.dtype, back.header) == (axes, np.float32, version)
    assert np.array_equal(back.data, image.data)
    assert (back.scale, back.units, back.channel_names) == (image.scale, image.units, image.channel_names)
    assert back.provenance == {"method": "noise2void"}
    if "S" not in axes:  # a custom axis
        MODELS[version].from_zarr(zarr.open_group(path, mode="r"))


def test_the_version_of_the_input_is_kept(tmp_path, make_image):
    old = read(write(tmp_path / "a.zarr", make_image("ZYX"), ome_zarr="0.4"))
    assert read(write(tmp_path / "b.zarr", old)).header == "0.4"
    assert read(write(tmp_path / "c.zarr", make_image("ZYX"))).header == "0.5"
    with pytest.raises(InputError, match=r"choose 0\.4 or 0\.5"):
        write(tmp_path / "d.zarr", old, ome_zarr="0.3")


def test_axes_are_put_into_the_order_of_the_format(tmp_path, make_image):
    image = make_image("TZCYX")
    back = read(write(tmp_path / "a.zarr", image))
    assert back.axes == "TCZYX"
    assert np.array_equal(back.data, image.data.swapaxes(1, 2))
    with pytest.raises(InputError, match="samples and channels"):
        write(tmp_path / "b.zarr", make_image("SCYX"))


@pytest.mark.parametrize("version", MODELS)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_the_pyramid_holds_means_at_the_right_places(tmp_path, numpy_rng, version, dtype):
    numbers = numpy_rng.integers(0, 255, (2, 1025, 1301)).astype(dtype)
    image = Image(data=numbers, axes="ZYX", scale={"Y": 0.5, "X": 0.25}, units={"Y": "micrometer", "X": "micrometer"})
    path = write(tmp_path / "a.zarr", image, ome_zarr=version)
    MODELS[version].from_zarr(zarr.open_group(path, mode="r"))
    group = zarr.open_group(path, mode="r")
    levels = [np.asarray(group[name]) for name in ("0", "1", "2")]
    assert [level.shape for level in levels] == [(2, 1025, 1301), (2, 513, 651), (2, 257, 326)]
    assert "3" not in group
    padded = np.pad(numbers.astype(float), [(0, 0), (0, 1), (0, 1)], mode="edge")
    mean = padded.reshape(2, 513, 2, 651, 2).mean((2, 4))
    assert np.array_equal(levels[1], (np.rint(mean) if dtype == "uint8" else mean).astype(dtype))
    attributes = group.attrs.asdict()
    steps = attributes.get("ome", attributes)["multiscales"][0]["datasets"][2]["coordinateTransformations"]
    assert steps == [
        {"type": "scale", "scale": [1.0, 2.0, 1.0]},
        {"type": "translation", "translation": [0.0, 0.75, 0.375]},  # centre of the first four by four pixels
    ]


def test_channels_show_the_range_they_have(tmp_path, make_image):
    image = make_image("CYX", lengths={"C": 2})
    channels = zarr.open_group(write(tmp_path / "a.zarr", image), mode="r").attrs["ome"]["omero"]["channels"]
    assert [channel["label"] for channel in channels] == ["a", "b"]
    assert [channel["window"]["end"] for channel in channels] == image.data.max((1, 2)).tolist()


def test_a_region_of_a_huge_image_costs_only_the_region(tmp_path):
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=(16384, 16384), chunks=(512, 512), dtype="u2", dimension_names=["y", "x"]
    )
    array[8000:8200, 9000:9100] = 7
    tracemalloc.start()
    image = read(tmp_path / "a.zarr")
    block = image.data[7999:8010, 8999:9005]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(image.data, Lazy)
    assert image.axes == "YX"
    assert block.sum() == 10 * 5 * 7
    assert peak < 2**23


def test_blocks_may_be_written_in_any_order(tmp_path, make_image):
    image = make_image("CYX", "float32", {"Y": 700, "X": 600})
    with create(tmp_path / "a.zarr", image, image.shape, np.float32) as target:
        for top in (400, 0):
            for left in (0, 333):
                region = (slice(0, 2), slice(top, top + 400), slice(left, left + 333))
                target[region] = image.data[region]
    assert np.array_equal(read(tmp_path / "a.zarr").data, image.data)


def test_a_plain_array_is_asked_for_its_axes(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=np.zeros((30, 8, 9), np.uint8))
    with pytest.raises(InputError, match=r"Add --axes TYX"):
        read(tmp_path / "a.zarr")
    assert read(tmp_path / "a.zarr", axes="ZYX").shape == (30, 8, 9)


def test_a_collection_is_refused_with_what_it_holds(tmp_path, make_image):
    group = zarr.create_group(tmp_path / "plate.zarr")
    for name in ("A1", "B2"):
        group.create_group(name)
    with pytest.raises(InputError, match=r"collection, not an image: .* A1, B2"):
        read(tmp_path / "plate.zarr")


@pytest.mark.parametrize("place", [{"compressor": {"id": "pickle"}}, {"filters": [{"id": "pickle"}]}], ids=str)
def test_nothing_is_ever_unpickled(tmp_path, place):
    folder = tmp_path / "a.zarr"
    folder.mkdir()
    entry = {"zarr_format": 2, "shape": [4, 4], "chunks": [4, 4], "dtype": "<f4", "fill_value": 0, "order": "C"}
    (folder / ".zarray").write_text(json.dumps(entry | {"compressor": None, "filters": None} | place))
    (folder / "0.0").write_bytes(f"cos\nmkdir\n(S'{tmp_path / 'trap'}'\ntR.".encode())
    with pytest.raises(InputError, match=r"a\.zarr could not be read"):
        read(folder)
    assert not (tmp_path / "trap").exists()


@pytest.mark.usefixtures("little_memory")
def test_a_chunk_larger_than_memory_is_refused(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", shape=(2**15, 2**15), chunks=(2**15, 2**15), dtype="f4")
    with pytest.raises(InputError, match="memory"):
        read(tmp_path / "a.zarr")


def test_broken_metadata_is_one_sentence(tmp_path, make_image):
    path = write(tmp_path / "a.zarr", make_image("ZYX"))
    (path / "0" / "zarr.json").unlink()
    with pytest.raises(InputError, match=r"a\.zarr could not be read"):
        read(path)
    (path / "zarr.json").write_text("{")
    with pytest.raises(InputError, match=r"a\.zarr could not be read"):
        read(path)
    (path / "zarr.json").unlink()
    with pytest.raises(InputError, match=r"a\.zarr could not be read"):
        read(path)


def test_a_damaged_chunk_is_one_sentence(tmp_path, make_image):
    path = write(tmp_path / "a.zarr", make_image("YX"))
    (path / "0" / "c" / "0" / "0").write_bytes(b"no chunk")
    with pytest.raises(InputError, match=r"a\.zarr could not be read"):
        read(path)


@pytest.fixture(scope="module")
def small_zarr(tmp_path_factory) -> Path:
    image = Image(data=np.arange(60, dtype=np.uint8).reshape(3, 4, 5), axes="CYX", channel_names=("a", "b", "c"))
    return write(tmp_path_factory.mktemp("fuzz") / "a.zarr", image, overwrite=True)


@settings(max_examples=80)
@given(data=st.data())
def test_any_metadata_gives_an_image_or_a_sentence(small_zarr, data):
    target = small_zarr / data.draw(st.sampled_from(["zarr.json", "0/zarr.json"]))
    original = target.read_text()
    tree = json.loads(original)
    node, key = tree, data.draw(st.sampled_from(sorted(tree)))
    while data.draw(st.booleans()) and isinstance(node[key], dict | list) and node[key]:
        node = node[key]
        key = data.draw(st.sampled_from(sorted(node)) if isinstance(node, dict) else st.integers(0, len(node) - 1))
    node[key] = data.draw(
        st.none()
        | st.integers(-3, 2**70)
        | st.floats()
        | st.text(max_size=5)
        | st.lists(st.integers(-1, 2**40), max_size=4)
    )
    target.write_text(json.dumps(tree))
    try:
        with contextlib.suppress(InputError):
            image = read(small_zarr)
            np.asarray(image.data[..., :2, :2])
    finally:
        target.write_text(original)
