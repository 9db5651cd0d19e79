import contextlib
import warnings

import mrcfile
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mrcfile.dtypes import HEADER_DTYPE

from pellucid.data.image import Image
from pellucid.data.io import create, read, write
from pellucid.data.io.mrc import IMOD_STAMP
from pellucid.errors import InputError


def save(path, numbers, *, volume=None, voxel=None, extended=b""):
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(numbers)
        if volume is not None:
            file.set_volume() if volume else file.set_image_stack()
        if voxel is not None:
            file.voxel_size = voxel
        if extended:
            file.set_extended_header(np.frombuffer(extended, "V1"))
    return path


def patch(path, at, code, *values):
    encoded = bytearray(path.read_bytes())
    encoded[at : at + 4 * len(values)] = np.array(values, code).tobytes()
    path.write_bytes(encoded)
    return path


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float16", "float32"])
@pytest.mark.parametrize("axes", ["YX", "ZYX", "SYX", "SZYX"])
def test_what_is_written_is_read_and_valid(tmp_path, make_image, axes, dtype):
    image = make_image(axes, dtype)
    path = write(tmp_path / "a.mrc", image, provenance={"method": "noise2void"})
    back = read(path)
    assert (back.axes, back.dtype, back.format) == (axes, dtype, "mrc")
    assert np.array_equal(back.data, image.data)
    for axis in back.scale:
        assert back.scale[axis] == pytest.approx(image.scale[axis] * 1e4)
        assert back.units[axis] == "angstrom"
    assert set(back.scale) == set(axes) - {"S"}
    if dtype != "float16":  # of which mrcfile takes the statistics in float16, where they overflow
        assert mrcfile.validate(path)
    with mrcfile.open(path) as file:
        assert file.get_labels() == ["Pellucid, method=noise2void"]
        assert file.header.dmean == pytest.approx(image.data.astype(float).mean(), rel=1e-5)
        assert file.header.rms == pytest.approx(image.data.astype(float).std(), rel=1e-5)


def test_the_header_of_the_input_is_kept(tmp_path, numpy_rng):
    numbers = numpy_rng.integers(0, 99, (3, 4, 5)).astype(np.int16)
    path = save(tmp_path / "a.mrc", numbers, volume=True, voxel=(2.0, 3.0, 4.0), extended=b"serial" * 20)
    with mrcfile.open(path, "r+") as file:
        file.header.origin = (1.0, 2.0, 3.0)
        file.header.exttyp = b"FEI1"
        file.add_label("Recorded on a Tuesday")
    image = read(path)
    assert image.scale == {"X": 2.0, "Y": 3.0, "Z": 4.0}
    restored = image.with_data(np.asarray(image.data, np.float32) + 0.5)
    with mrcfile.open(write(tmp_path / "b.mrc", restored)) as file, mrcfile.open(path) as old:
        assert file.header.mode == 2
        assert np.array_equal(file.data, numbers + np.float32(0.5))
        assert bytes(file.extended_header) == b"serial" * 20
        assert file.header.exttyp == b"FEI1"
        assert (file.header.origin, file.header.cella) == (old.header.origin, old.header.cella)
        assert file.get_labels() == [*old.get_labels(), "Pellucid"]


def test_a_full_list_of_labels_keeps_the_first_nine(tmp_path):
    path = save(tmp_path / "a.mrc", np.eye(4, dtype=np.float32))
    with mrcfile.open(path, "r+") as file:
        for number in range(9):
            file.add_label(f"label {number}")
        labels = file.get_labels()
    with mrcfile.open(write(tmp_path / "b.mrc", read(path))) as file:
        assert file.get_labels() == [*labels[:9], "Pellucid"]


def test_big_endian_files_are_read_and_written_as_such(tmp_path):
    numbers = np.arange(24, dtype=">f4").reshape(2, 3, 4)
    path = save(tmp_path / "a.mrc", numbers, volume=True)
    assert path.read_bytes()[212] == 0x11
    image = read(path)
    assert image.dtype.isnative
    assert np.array_equal(image.data, numbers)
    with mrcfile.open(write(tmp_path / "b.mrc", image)) as file:
        assert file.data.dtype == ">f4"
        assert np.array_equal(file.data, numbers)


@pytest.mark.parametrize(("flags", "dtype"), [(0, "uint8"), (1, "int8"), (None, "int8")])
def test_bytes_are_signed_unless_imod_says_otherwise(tmp_path, flags, dtype):
    path = save(tmp_path / "a.mrc", np.array([[-1, 1], [2, 3]], np.int8))
    if flags is not None:
        patch(path, 152, "<i4", IMOD_STAMP, flags)
    image = read(path)
    assert image.dtype == dtype
    assert image.data[0, 0] == (255 if dtype == "uint8" else -1)


def test_complex_files_are_named(tmp_path):
    numbers = (np.arange(6) + 1j).astype(np.complex64).reshape(2, 3)
    image = read(save(tmp_path / "a.mrc", numbers))
    assert np.array_equal(image.data, numbers)
    path = save(tmp_path / "b.mrc", np.arange(12, dtype=np.int16).reshape(2, 6))
    image = read(patch(path, 0, "<i4", 3, 2, 1, 3))  # the same bytes as three columns of mode 3
    assert image.dtype == np.complex64
    assert image.data.tolist() == [[0 + 1j, 2 + 3j, 4 + 5j], [6 + 7j, 8 + 9j, 10 + 11j]]


def test_an_ending_and_a_space_group_tell_stacks_from_volumes(tmp_path):
    numbers = np.zeros((3, 4, 5), np.float32)
    assert read(save(tmp_path / "a.mrc", numbers, volume=True)).axes == "ZYX"
    assert read(save(tmp_path / "a.mrc", numbers, volume=False)).axes == "SYX"
    assert read(save(tmp_path / "a.mrcs", numbers, volume=True)).axes == "SYX"
    assert read(save(tmp_path / "a.mrc", numbers), axes="TYX").axes == "TYX"


def test_columns_that_look_like_the_mark_of_another_format_change_nothing(tmp_path):
    for columns in (112, 348, 540):  # the first bytes of LIF and of NIfTI
        numbers = np.zeros((3, columns), np.float32)
        assert read(save(tmp_path / "a.mrc", numbers)).format == "mrc"


def test_a_missing_mark_is_a_warning(tmp_path):
    path = save(tmp_path / "a.mrc", np.eye(4, dtype=np.float32))
    patch(path, 208, "<i4", 0)
    with pytest.warns(UserWarning, match="lacks the MRC mark"):
        assert np.array_equal(read(path).data, np.eye(4))


def test_what_mrc_cannot_hold_is_refused(tmp_path, make_image):
    with pytest.raises(InputError, match="cannot hold float64"):
        write(tmp_path / "a.mrc", make_image("ZYX", "float64"))
    with pytest.raises(InputError, match="not the axes CYX"):
        write(tmp_path / "a.mrc", make_image("CYX", "float32"))


def test_a_volume_is_written_in_blocks_of_any_order(tmp_path, make_image):
    image = make_image("ZYX", "float32", {"Z": 5, "Y": 30, "X": 31})
    with create(tmp_path / "a.mrc", image, image.shape, np.float32) as target:
        for region in [(slice(2, 5), slice(0, 30), slice(10, 31)), (slice(0, 2),), (slice(2, 5), ..., slice(0, 10))]:
            target[region] = image.data[region]
    assert np.array_equal(read(tmp_path / "a.mrc").data, image.data)


@pytest.mark.parametrize("keep", [100, 1023, 1024, 1100])
def test_a_truncated_file_is_refused(tmp_path, keep):
    path = save(tmp_path / "a.mrc", np.eye(8, dtype=np.float32))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"a\.mrc"):
        read(path)


@settings(max_examples=100)
@given(
    fields=st.dictionaries(
        st.sampled_from(["nx", "ny", "nz", "mode", "mz", "mx", "mapc", "maps", "ispg", "nsymbt", "nlabl"]),
        st.integers(-(2**31), 2**31 - 1) | st.integers(0, 20),
    ),
    stamp=st.sampled_from([0x44, 0x11, 0]),
)
def test_any_header_gives_an_image_or_a_sentence(tmp_path_factory, fields, stamp):
    header = np.zeros(1, HEADER_DTYPE)[0]
    header["nx"], header["ny"], header["nz"], header["mode"], header["map"] = 2, 3, 4, 2, b"MAP "
    header["machst"] = [stamp, stamp, 0, 0]
    for name, value in fields.items():
        header[name] = value
    path = tmp_path_factory.getbasetemp() / "fuzz.mrc"
    path.write_bytes(header.tobytes() + bytes(2 * 3 * 4 * 4))
    with contextlib.suppress(InputError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = read(path)
        assert isinstance(image, Image)
        assert image.data.nbytes <= 400
