import contextlib
import sys

import h5py
import numpy as np
import pytest

from pellucid.data.io.hdf5 import array, attribute, contains, dataset, open_hdf5, text
from pellucid.errors import InputError


@pytest.fixture
def path(tmp_path):
    """Return a file with a data set, links to it, and whatever a test adds."""
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        file["entry/data"] = np.arange(6.0).reshape(2, 3)
        file["entry/data"].attrs["units"] = b"mm"
        file["entry/title"] = "a phantom"
        file["short"] = h5py.SoftLink("/entry")
        file["entry/same"] = h5py.SoftLink("data")
    return path


def add(path, change):
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def refused(path, sentence, name="bad", read=array):
    with pytest.raises(InputError, match=sentence), open_hdf5(path) as file:
        read(file, name)


def test_numbers_texts_and_attributes_are_read(path):
    with open_hdf5(path) as file:
        for name in ("entry/data", "/entry/data", "short/data", "short/same"):
            assert array(file, name).tolist() == [[0, 1, 2], [3, 4, 5]]
        assert dataset(file, "entry/data")[1, 2] == 5
        assert text(file, "entry/title") == "a phantom"
        assert attribute(file, "entry/data", "units") == "mm"
        assert attribute(file, "entry/data", "offset", 0.0) == 0.0
        assert contains(file, "short/data")
        assert not contains(file, "short/nothing")


@pytest.mark.parametrize("dtype", [">f4", ">c8", "<u2", ">i8", "?"])
def test_numbers_come_in_native_order(path, dtype):
    numbers = np.arange(4).astype(dtype)
    with open_hdf5(add(path, lambda file: file.create_dataset("other", data=numbers))) as file:
        assert array(file, "other").dtype.isnative
        assert np.array_equal(array(file, "other"), numbers)


def test_pairs_of_matlab_are_complex(path):
    pairs = np.array([(1.0, 2.0)], [("real", "f4"), ("imag", "f4")])
    with open_hdf5(add(path, lambda file: file.create_dataset("pairs", data=pairs))) as file:
        assert array(file, "pairs").dtype == np.complex64
        assert array(file, "pairs").tolist() == [1 + 2j]


@pytest.mark.parametrize("name", ["nothing", "entry", "entry/data/more", "", "entry/nothing"])
def test_a_missing_name_is_told_with_those_that_exist(path, name):
    refused(path, "holds no .*; it holds entry/data, entry/title", name)


def test_a_link_to_another_file_is_refused(path, tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["key"] = np.arange(3)
    add(path, lambda file: file.update({"far": h5py.ExternalLink("secret.h5", "/"), "bad": h5py.SoftLink("/far/key")}))
    refused(path, "lies in another file, secret.h5", "far/key")
    refused(path, "lies in another file, secret.h5", "bad")
    with open_hdf5(path) as file:
        assert not contains(file, "far/key")


def test_numbers_in_other_files_are_refused(path, tmp_path):
    (tmp_path / "secret.bin").write_bytes(bytes(64))
    where = [(str(tmp_path / "secret.bin"), 0, 64)]
    add(path, lambda file: file.create_dataset("bad", (8,), "f8", external=where))
    refused(path, "lies in other files")
    layout = h5py.VirtualLayout((2, 3), "f8")
    layout[...] = h5py.VirtualSource("secret.h5", "key", (2, 3))
    add(path, lambda file: file.create_virtual_dataset("virtual", layout))
    refused(path, "lies in other files", "virtual")


def test_links_in_a_circle_end(path):
    refused(add(path, lambda file: file.update({"bad": h5py.SoftLink("/bad")})), "holds no bad")
    refused(add(path, lambda file: file.update({"lost": h5py.SoftLink("/nowhere")})), "holds no lost", "lost")


def test_a_size_that_is_not_stored_is_refused_before_memory_is_taken(path):
    add(path, lambda file: file.create_dataset("bad", (2**20, 2**20), "f8", chunks=(16, 16), compression="gzip"))
    refused(path, "declares 8,796,093,022,208 bytes .* 0 are stored")


@pytest.mark.usefixtures("little_memory")
def test_a_size_beyond_the_memory_is_refused(path):
    add(path, lambda file: file.create_dataset("bad", (2**24,), "f8", chunks=(2**20,), compression="gzip"))
    refused(path, "memory are free")


def test_what_is_no_number_or_no_text_is_refused(path):
    add(path, lambda file: file.create_dataset("bad", data=[b"one", b"two"]))
    add(path, lambda file: file.create_dataset("empty", dtype="f4", data=h5py.Empty("f4")))
    refused(path, "does not hold numbers")
    refused(path, "does not hold numbers", "empty")
    refused(path, "is not one string", read=text)
    refused(path, "is not one string", "entry/data", read=text)


def test_what_is_no_hdf5_is_refused(tmp_path, path):
    (tmp_path / "a.h5").write_bytes(b"dear diary")
    refused(tmp_path / "a.h5", "is not an HDF5 file")
    refused(tmp_path / "b.h5", "does not exist")
    refused(tmp_path, "is no file")
    path.write_bytes(path.read_bytes()[:-100])
    refused(path, "damaged or incomplete")


@pytest.mark.parametrize("at", range(0, 2000, 61))
def test_damage_gives_numbers_or_a_sentence(path, at):
    content = bytearray(path.read_bytes())
    content[at : at + 8] = b"\xff" * 8
    path.write_bytes(content)
    with contextlib.suppress(InputError), open_hdf5(path) as file:
        assert array(file, "entry/data").size <= 2**25


def test_the_room_imports_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    monkeypatch.delitem(sys.modules, "pellucid.data.io.hdf5")
    import pellucid.data.io.hdf5  # noqa: F401
