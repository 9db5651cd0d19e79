import contextlib
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.data.image import Image
from pellucid.data.io import read, write
from pellucid.errors import InputError


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("axes", ["YX", "ZYX", "TCYX", "TCZYX"])
def test_what_is_written_is_read(tmp_path, make_image, suffix, axes):
    image = make_image(axes, "float32")
    back = read(write(tmp_path / f"a{suffix}", image), axes=axes)
    assert (back.axes, back.dtype, back.format) == (axes, np.float32, suffix[1:])
    assert np.array_equal(back.data, image.data)


@pytest.mark.parametrize("dtype", [">u2", "<f2", ">f8", "i1", "<u4", "i8", "c8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_plain_type_and_order_becomes_native(tmp_path, dtype, order):
    numbers = np.asarray(np.arange(12).reshape(3, 4), dtype=dtype, order=order)
    np.save(tmp_path / "a.npy", numbers)
    back = read(tmp_path / "a.npy")
    assert back.axes == "YX"
    assert back.dtype.isnative
    assert back.data.flags.c_contiguous
    assert np.array_equal(back.data, numbers)


def test_objects_are_never_unpickled(tmp_path):
    numbers = np.array([[{}, 1], [2, 3]], dtype=object)
    np.save(tmp_path / "a.npy", numbers, allow_pickle=True)
    np.savez(tmp_path / "a.npz", numbers)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(InputError, match="object"):
            read(tmp_path / name)


def test_an_npz_must_hold_one_array(tmp_path):
    np.savez(tmp_path / "a.npz", noisy=np.eye(3), clean=np.eye(3))
    with pytest.raises(InputError, match=r"holds 2 \(noisy, clean\)"):
        read(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("notes.txt", "no array")
    with pytest.raises(InputError, match="holds 0"):
        read(tmp_path / "b.npz")


@pytest.mark.usefixtures("little_memory")
def test_a_bomb_in_an_npz_is_refused_by_its_declared_size(tmp_path):
    with (
        zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.npy", "w") as file,
    ):
        header = {"descr": "|u1", "fortran_order": False, "shape": (2**13, 2**14)}
        np.lib.format.write_array_header_1_0(file, header)
        for _ in range(128):
            file.write(bytes(2**20))
    assert (tmp_path / "a.npz").stat().st_size < 2**18
    with pytest.raises(InputError, match="memory"):
        read(tmp_path / "a.npz")


@settings(max_examples=60)
@given(
    shape=st.lists(st.integers(-2, 2**40), max_size=5),
    dtype=st.sampled_from(["<f4", "|u1", "|O", "<U9", "<c16"]),
)
def test_any_header_gives_an_image_or_a_sentence(tmp_path_factory, shape, dtype):
    path = tmp_path_factory.getbasetemp() / "fuzz.npy"
    with path.open("wb") as file:
        np.lib.format.write_array_header_2_0(file, {"descr": dtype, "fortran_order": False, "shape": tuple(shape)})
        file.write(bytes(100))
    with contextlib.suppress(InputError):
        assert isinstance(read(path), Image)


@pytest.mark.parametrize("keep", [3, 60, 140])
def test_a_truncated_file_is_refused(tmp_path, keep):
    np.save(tmp_path / "a.npy", np.eye(8))
    path = tmp_path / "a.npy"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"a\.npy"):
        read(path)
